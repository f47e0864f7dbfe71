"""How much latent noise survives a decode-encode round trip, in validation."""

import math
from collections.abc import Iterator, Mapping, Sequence

from typing_extensions import override

from lr_lightning.assays.latent_statistics import latent_statistics
from lr_lightning.assays.noise_recovery import MULTIPLES, noise_recovery
from lr_lightning.assays.response_scores import SPREAD_FLOOR
from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.sentences import count, defined, number, percent
from lr_lightning.common.checks import check_at_least
from lr_lightning.plots.noise_recovery import noise_recovery_figure


class NoiseRecoveryAssay(AssayCallback):
    """Logs how much latent noise survives decoding and encoding; see :func:`lr_lightning.assays.noise_recovery`.

    Scalars under ``assay/noise_recovery/``: ``ratio_1`` and so on, the share that survives of noise with a size of 1
    posterior standard deviation (for a deterministic model: of the codes), jointly over the active latents, from 0 if
    it is filtered out to 1 if it is passed on; ``median_1`` and so on, the median ratio of single active latents; and
    ``num_latents``, the number of active latents. The ratios of each latent are logged as a table, drawn and saved to
    ``assays/``.

    A latent is active if the variance of its mean over the validation set is above .01; for a deterministic model, if
    its standard deviation is above a hundredth of the largest. If none is active, all latents are used.

    Args:
        num_samples: Number of codes, drawn from the validation set.
        multiples: Sizes of the noise in standard deviations.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the codes and of the noise.

    Raises:
        ValueError: If ``num_samples`` is below 2 or a multiple is not positive.
    """

    name = "noise_recovery"
    summary = "How much latent noise survives a decode-encode round trip"
    size_argument = "num_samples"
    captions = {
        "curve": "The share of latent noise that survives decoding and encoding: 0 if it is filtered out, 1 if it is "
        "passed on."
    }
    quantities = ("ratio_*", "median_*", "num_latents")

    def __init__(
        self,
        num_samples: int = 128,
        multiples: Sequence[float] = MULTIPLES,
        every_n_validations: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_validations, seed)
        check_at_least("num_samples", num_samples, 2)
        if not multiples or not all(multiple > 0 for multiple in multiples):
            raise ValueError(f"multiples must be one or more positive numbers, got {list(multiples)}")
        self.num_samples = num_samples
        self.multiples = tuple(multiples)

    @override
    def run(self, context: AssayContext) -> AssayResult:
        rows = context.draw_rows(self.num_samples)
        codes, log_variances = context.table.codes, context.table.log_variances
        if log_variances is None:
            spread = codes.std(dim=0, correction=0)
            sigma, active = spread, spread > SPREAD_FLOOR * spread.max()
        else:
            sigma = (0.5 * log_variances[rows]).exp()
            active = latent_statistics(codes, log_variances).active
        result = noise_recovery(
            context.sharded_model(),
            codes[rows],
            sigma,
            multiples=self.multiples,
            active=active if active.any() else None,
            generator=context.generator,
            progress=context.progress,
        )
        columns = ["latent", "active", *(f"ratio_{multiple:g}" for multiple in self.multiples)]
        own = zip(active.tolist(), result.latents.T.tolist(), strict=True)
        table: list[list[float | str]] = [[latent, "yes" if on else "no", *row] for latent, (on, row) in enumerate(own)]
        return AssayResult(
            scalars={
                f"{name}_{multiple:g}": value
                for name, values in (("ratio", result.ratio), ("median", result.median))
                for multiple, value in zip(self.multiples, values.tolist(), strict=True)
            }
            | {"num_latents": int(active.sum())},
            figures={"curve": lambda: noise_recovery_figure(result)},
            arrays={
                "multiples": result.multiples,
                "ratio": result.ratio,
                "median": result.median,
                "latents": result.latents,
                "active": active,
            },
            tables={"latents": (columns, table)},
            warnings=() if active.any() else ("No latent is active: the noise ratios are meaningless.",),
        )

    @override
    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterator[str]:
        ratios = {
            float(key.removeprefix("ratio_")): value for key, value in scalars.items() if key.startswith("ratio_")
        }
        size = min(ratios, key=lambda multiple: abs(math.log(multiple)))  # the size nearest to 1
        if not defined(ratios[size]):
            return
        noise = f"noise of {number(size)} standard deviation{'' if size == 1 else 's'}"
        if defined(median := scalars.get(f"median_{size:g}", math.nan)):
            yield f"{percent(median)} of {noise} survives decoding and encoding in the median active latent."
            yield f"In {count(scalars['num_latents'], 'active latent')} together, {percent(ratios[size])} survives."
        else:
            yield f"{percent(ratios[size])} of {noise} survives decoding and encoding."
