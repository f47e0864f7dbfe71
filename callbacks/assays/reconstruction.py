"""Reconstructions in validation."""

from typing import TYPE_CHECKING

from torch.nn import functional as F
from typing_extensions import override

from lr_lightning.assays import reconstruct
from lr_lightning.callbacks.assay import AssayCallback, AssayContext, AssayResult
from lr_lightning.plots import reconstruction_figure, scatter_reconstruction

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ReconstructionAssay(AssayCallback):
    """Logs validation images above their reconstructions, or points in space beside theirs.

    The scalar ``assay/reconstruction/mean_squared_error`` is that of the drawn observations, in squared data units per
    pixel and channel.

    Args:
        num_samples: Observations to draw.
        every_n_validations: How often to run; 0 for the last validation only.

    Raises:
        ValueError: If ``num_samples`` is below 1.
    """

    name = "reconstruction"
    quantities = ("mean_squared_error",)

    def __init__(self, num_samples: int = 16, every_n_validations: int = 1) -> None:
        super().__init__(every_n_validations)
        if num_samples < 1:
            raise ValueError(f"num_samples must be at least 1, got {num_samples}")
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
