"""The geometry of the decoder, in validation."""

from collections.abc import Iterator, Mapping

import torch
from typing_extensions import override

from lr_lightning.assays import latent_statistics
from lr_lightning.assays.decoder_geometry import decoder_geometry
from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.sentences import count, defined, number, percent
from lr_lightning.common.checks import check_at_least
from lr_lightning.plots.jacobian import decoder_geometry_figure


class DecoderGeometryAssay(AssayCallback):
    """Logs how strongly and how evenly small steps of validation codes change the decoded output.

    See :func:`lr_lightning.assays.decoder_geometry`. Scalars under ``assay/decoder_geometry/``, medians over the codes:
    ``log_magnification`` (nats), ``condition_number`` (of the metric) and ``off_diagonal_share``; also ``num_latents``,
    the number of latents considered, since the first two depend on it. The raw values go to ``assays/``.

    Costs about two decoded samples per code and latent, with activations kept in memory; in distributed training, every
    process computes all of them.

    Args:
        num_samples: Number of codes, drawn from the validation set.
        active_threshold: Consider only latents whose posterior means have a larger variance than this, since passive
            latents make every metric ill-conditioned; all latents if none is active. ``None`` for all latents.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the choice of codes.

    Raises:
        ValueError: If ``num_samples`` is below 1 or ``active_threshold`` is negative.
    """

    name = "decoder_geometry"
    summary = "How evenly small steps of codes change the decoded output"
    size_argument = "num_samples"
    captions = {
        "metric": "How much small steps of codes change the decoded output. A flat spectrum means that all directions "
        "count equally."
    }
    quantities = ("log_magnification", "condition_number", "off_diagonal_share", "num_latents")

    def __init__(
        self,
        num_samples: int = 32,
        active_threshold: float | None = 0.01,
        every_n_validations: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_validations, seed)
        check_at_least("num_samples", num_samples, 1)
        if active_threshold is not None:
            check_at_least("active_threshold", active_threshold, 0)
        self.num_samples = num_samples
        self.active_threshold = active_threshold

    @override
    def run(self, context: AssayContext) -> AssayResult:
        codes = context.draw_codes(self.num_samples)
        latents = self._latents(context.table.codes)
        result = decoder_geometry(context.autoencoder, codes, latents=latents, progress=context.progress)
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
                "codes": codes,
            },
        )

    def _latents(self, codes: torch.Tensor) -> list[int] | None:
        """Return the active latents, or ``None`` for all."""
        if self.active_threshold is None:
            return None
        active = latent_statistics(codes, None, self.active_threshold).active
        return active.nonzero().flatten().tolist() or None

    @override
    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterator[str]:
        if not defined(scalars["condition_number"]):
            yield "The metric of the decoder is not finite."
            return
        yield (
            f"The median condition number of the decoder's metric in {count(scalars['num_latents'], 'latent')} is "
            f"{number(scalars['condition_number'])}: 1 if steps in all directions change the output equally."
        )
        if defined(scalars["off_diagonal_share"]):
            share = percent(scalars["off_diagonal_share"])
            yield f"{share} of the metric is off-diagonal: 0% if latents change the output in orthogonal directions."
