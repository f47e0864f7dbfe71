"""How much each latent is used, in validation."""

from collections.abc import Iterator, Mapping

from typing_extensions import override

from lr_lightning.assays import latent_statistics, score_warnings
from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.sentences import decimal, number, of_latents
from lr_lightning.plots import latent_statistics_figure


class LatentStatisticsAssay(AssayCallback):
    """Logs KL per latent, active units and the polarized regime; see :func:`lr_lightning.assays.latent_statistics`.

    Scalars under ``assay/latent_statistics/``: ``active_units``; for a variational model also ``kl`` in nats,
    ``kl_latent_00`` and so on, and ``regime_active``, ``regime_mixed`` and ``regime_passive``, the number of latents in
    each regime.

    Args:
        active_threshold: Variance of the posterior means above which a unit is active.
        every_n_validations: How often to run; 0 for the last validation only.
    """

    name = "latent_statistics"
    summary = "How much each latent is used: KL, active units, polarized regime"
    captions = {
        "latents": "KL divergence of each latent from the prior, and the variance of its mean over the data. A latent "
        "near 0 in both carries no information."
    }
    headlines = {"active_units": "Active units"}
    quantities = ("active_units", "kl", "kl_latent_*", "regime_active", "regime_mixed", "regime_passive")

    def __init__(self, active_threshold: float = 0.01, every_n_validations: int = 1) -> None:
        super().__init__(every_n_validations)
        self.active_threshold = active_threshold

    @override
    def run(self, context: AssayContext) -> AssayResult:
        statistics = latent_statistics(context.table.codes, context.table.log_variances, self.active_threshold)
        scalars: dict[str, float] = {"active_units": statistics.num_active}
        arrays = {"mean": statistics.mean, "std": statistics.std, "active": statistics.active}
        if statistics.kl is not None and statistics.regimes is not None:
            scalars["kl"] = float(statistics.kl.sum())
            scalars |= {f"kl_latent_{latent:02d}": kl for latent, kl in enumerate(statistics.kl.tolist())}
            scalars |= {f"regime_{name}": statistics.regimes.count(name) for name in ("active", "mixed", "passive")}
            arrays["kl"] = statistics.kl
        return AssayResult(
            scalars,
            figures={"latents": lambda: latent_statistics_figure(statistics)},
            arrays=arrays,
            warnings=score_warnings(statistics=statistics),
        )

    @override
    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterator[str]:
        yield f"{of_latents(scalars['active_units'], latent_dim)} active by the variance of their means."
        if "kl" in scalars:
            yield f"The KL divergence from the prior is {number(scalars['kl'])} nats, summed over latents."
            yield (
                f"In the polarized regime {of_latents(scalars['regime_active'], latent_dim)} active, "
                f"{number(scalars['regime_mixed'])} mixed and {number(scalars['regime_passive'])} passive."
            )

    @override
    def summary_rows(self, scalars: Mapping[str, float]) -> Iterator[tuple[str, str]]:
        per_latent = [value for key, value in scalars.items() if key.startswith("kl_latent_")]
        if per_latent:
            yield "KL per latent", "  ".join(decimal(value, 2) for value in per_latent)
        yield "Active units", f"{scalars['active_units']:.0f}, by the variance of their means"
