"""How much noise of codes survives decoding and encoding, in validation."""

from collections.abc import Sequence

import torch
from typing_extensions import override

from lr_lightning.assays.latent_statistics import latent_statistics
from lr_lightning.assays.noise_recovery import MULTIPLES, noise_recovery
from lr_lightning.assays.response_scores import SPREAD_FLOOR
from lr_lightning.callbacks.assay import AssayCallback, AssayContext, AssayResult
from lr_lightning.plots.noise_recovery import noise_recovery_figure


class NoiseRecoveryAssay(AssayCallback):
    """Logs the part of noise that is left after decoding and encoding; see :func:`lr_lightning.assays.noise_recovery`.

    Scalars under ``assay/noise_recovery/``: ``ratio_1`` and so on, for noise of so many posterior standard deviations
    (of a deterministic model: standard deviations of the codes): 0 if it is filtered out, 1 if it is passed on. They
    are of the active latents together; ``median_1`` and so on are the median of the active latents' own ratios, and
    ``num_latents`` is their number. Each latent's own ratios go to a table, to the figure and to ``assays/``.

    Latents are active whose means have a variance above .01 over the validation set; of a deterministic model, a
    standard deviation above a hundredth of the largest. If none is, the ratios are of all latents.

    Args:
        num_samples: Codes, drawn from the validation set.
        multiples: Sizes of the noise.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the codes and of the noise.

    Raises:
        ValueError: If ``num_samples`` is below 2 or a multiple is not positive.
    """

    name = "noise_recovery"
    quantities = ("ratio_*", "median_*", "num_latents")

    def __init__(
        self,
        num_samples: int = 128,
        multiples: Sequence[float] = MULTIPLES,
        every_n_validations: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_validations, seed)
        if num_samples < 2:
            raise ValueError(f"num_samples must be at least 2, got {num_samples}")
        if not multiples or not all(multiple > 0 for multiple in multiples):
            raise ValueError(f"multiples must be positive, at least one, got {list(multiples)}")
        self.num_samples = num_samples
        self.multiples = tuple(multiples)

    @override
    def run(self, context: AssayContext) -> AssayResult:
        rows = torch.randperm(len(context.table.codes), generator=context.generator)[: self.num_samples]
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
            warnings=()
            if active.any()
            else ("No latent is active: the ratios of noise are those of all latents, which say nothing.",),
        )
