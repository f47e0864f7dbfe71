"""Decoded images along each latent, in validation."""

from typing_extensions import override

from lr_lightning.assays import latent_traversal, traversal_values
from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.needs import images
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.common.checks import check_at_least
from lr_lightning.plots import traversal_figure


class LatentTraversalAssay(AssayCallback):
    """Draws an image grid: each latent in turn moves through its range, with the others fixed at a validation code.

    Args:
        num_steps: Number of images per latent.
        width: Half of the range, in standard deviations of the posterior means.
        max_latents: Draw at most this many latents, those with the largest spread.
        every_n_validations: How often to run; 0 for the last validation only.

    Raises:
        ValueError: If ``num_steps`` is below 2 or ``max_latents`` below 1.
    """

    name = "latent_traversal"
    summary = "Decoded images along each latent"
    needs = (images,)
    captions = {
        "images": "Each row moves one latent through its range while the others stay fixed. What changes along a row "
        "is what this latent encodes; a row that does not change belongs to an unused latent."
    }
    quantities = ()

    def __init__(
        self,
        num_steps: int = 9,
        width: float = 2.0,
        max_latents: int = 24,
        every_n_validations: int = 1,
    ) -> None:
        super().__init__(every_n_validations)
        check_at_least("num_steps", num_steps, 2)
        check_at_least("max_latents", max_latents, 1)
        self.num_steps = num_steps
        self.width = width
        self.max_latents = max_latents

    @override
    def run(self, context: AssayContext) -> AssayResult:
        codes = context.table.codes
        values = traversal_values(codes, self.num_steps, self.width)
        widest = codes.std(dim=0, correction=0).argsort(descending=True)[: self.max_latents].sort().values.tolist()
        return AssayResult(
            figures={
                "images": lambda: traversal_figure(
                    latent_traversal(context.autoencoder, codes[0], values, latents=widest)
                )
            }
        )
