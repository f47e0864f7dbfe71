"""The geometry of the decoder, in validation."""

import torch
from typing_extensions import override

from lr_lightning.assays import latent_statistics
from lr_lightning.assays.decoder_geometry import decoder_geometry
from lr_lightning.callbacks.assay import AssayCallback, AssayContext, AssayResult
from lr_lightning.plots.jacobian import decoder_geometry_figure


class DecoderGeometryAssay(AssayCallback):
    """Logs how much, and how evenly, steps of validation codes change what is decoded.

    See :func:`lr_lightning.assays.decoder_geometry`. Scalars under ``assay/decoder_geometry/``, medians over the codes:
    ``log_magnification`` (nats), ``condition_number`` (of the metric) and ``off_diagonal_share``; also ``num_latents``,
    the number of latents looked at, without which the first two do not compare. The raw values go to ``assays/``.

    Costs about two decoded samples for each code and latent, with their activations in memory; in distributed training
    every process does all of it.

    Args:
        num_samples: Codes, drawn from the validation set.
        active_threshold: Look at the latents whose posterior means have a variance above it, as passive ones make every
            metric ill-conditioned; at all if no latent has. ``None`` for all always.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the choice of codes.

    Raises:
        ValueError: If ``num_samples`` is below 1 or ``active_threshold`` is negative.
    """

    name = "decoder_geometry"
    quantities = ("log_magnification", "condition_number", "off_diagonal_share", "num_latents")

    def __init__(
        self,
        num_samples: int = 32,
        active_threshold: float | None = 0.01,
        every_n_validations: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_validations, seed)
        if num_samples < 1:
            raise ValueError(f"num_samples must be at least 1, got {num_samples}")
        if active_threshold is not None and not active_threshold >= 0:
            raise ValueError(f"active_threshold must not be negative, got {active_threshold}")
        self.num_samples = num_samples
        self.active_threshold = active_threshold

    @override
    def run(self, context: AssayContext) -> AssayResult:
        codes = context.table.codes
        chosen = codes[torch.randperm(len(codes), generator=context.generator)[: self.num_samples]]
        result = decoder_geometry(context.autoencoder, chosen, latents=self._latents(codes), progress=context.progress)
        measured = {
            "log_magnification": result.log_magnification,
            "condition_number": result.condition_number,
            "off_diagonal_share": result.off_diagonal_share,
        }
        return AssayResult(
            scalars={key: float(values.median()) for key, values in measured.items()}
            | {"num_latents": len(result.latents)},
            figures={"metric": lambda: decoder_geometry_figure(result)},
            arrays=measured
            | {
                "singular_values": result.singular_values,
                "mean_metric": result.mean_metric,
                "latents": torch.tensor(result.latents),
                "codes": chosen,
            },
        )

    def _latents(self, codes: torch.Tensor) -> list[int] | None:
        """Return the active latents, ``None`` for all."""
        if self.active_threshold is None:
            return None
        active = latent_statistics(codes, None, self.active_threshold).active
        return active.nonzero().flatten().tolist() or None
