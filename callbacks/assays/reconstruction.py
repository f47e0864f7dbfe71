"""Reconstructions in validation."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from torch.nn import functional as F
from typing_extensions import override

from lr_lightning.assays import reconstruct
from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.needs import images_or_points
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.sentences import number
from lr_lightning.common.checks import check_at_least
from lr_lightning.plots import reconstruction_figure, scatter_reconstruction

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ReconstructionAssay(AssayCallback):
    """Draws validation images above their reconstructions, or points in space beside theirs.

    Logs ``assay/reconstruction/mean_squared_error`` of the drawn observations, in squared data units per pixel and
    channel.

    Args:
        num_samples: Number of observations to draw.
        every_n_validations: How often to run; 0 for the last validation only.

    Raises:
        ValueError: If ``num_samples`` is below 1.
    """

    name = "reconstruction"
    summary = "Observations and their reconstructions side by side"
    needs = (images_or_points,)
    captions = {
        "samples": "Observations and their reconstructions. Details that are missing in all reconstructions are not "
        "encoded in any latent."
    }
    quantities = ("mean_squared_error",)

    def __init__(self, num_samples: int = 16, every_n_validations: int = 1) -> None:
        super().__init__(every_n_validations)
        check_at_least("num_samples", num_samples, 1)
        self.num_observations = num_samples

    @override
    def run(self, context: AssayContext) -> AssayResult:
        originals = context.observations
        reconstructions = reconstruct(context.autoencoder, originals)
        factors = context.table.factors

        def draw() -> "Figure":
            if originals.ndim == 2:
                groups = None if factors is None else factors[: len(originals), 0]
                return scatter_reconstruction(originals, reconstructions, groups)
            return reconstruction_figure(originals, reconstructions)

        return AssayResult(
            scalars={"mean_squared_error": F.mse_loss(reconstructions, originals).item()}, figures={"samples": draw}
        )

    @override
    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterator[str]:
        error = number(scalars["mean_squared_error"] ** 0.5)
        yield f"The root mean squared error of the drawn observations is {error} per pixel and channel, or coordinate."
