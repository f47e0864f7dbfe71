"""Response maps of pairs of latents, in validation."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from pytorch_lightning import LightningModule, Trainer
from torch import Tensor
from typing_extensions import override

from lr_lightning.assays import active_latents, response_matrix
from lr_lightning.assays.latent_pairs import strongest_pairs
from lr_lightning.assays.latent_slice import LatentSlice, decode_slice
from lr_lightning.assays.response_map import ResponseMap, response_map
from lr_lightning.assays.slice_histogram import contracting_share, slice_histogram
from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.needs import two_latents
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.sentences import defined, percent
from lr_lightning.common.checks import check_at_least, check_positive
from lr_lightning.plots.response_map import response_map_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HISTOGRAM_STEPS = 32
"""Cells of the drawn histogram along each latent; few, so that each contains several codes."""


class ResponseMapAssay(AssayCallback):
    """Logs where decoding and encoding moves the codes of two latents; see :func:`lr_lightning.assays.response_map`.

    Scalars under ``assay/response_map/``, means over the pairs: ``void_mass`` (share of the prior where the map does
    not contract) and ``contracting_share`` (share of the codes where it does). Each pair has a figure, a row in the
    table ``pairs`` and a field in ``assays/``.

    Decodes and encodes ``num_steps ** 2`` codes for each pair and base.

    Args:
        pairs: Pairs of latents; if ``None``, the pairs that respond to each other most, measured each time.
        num_pairs: Number of pairs if ``pairs`` is ``None``.
        num_steps: Number of grid nodes along each latent.
        radius: Half of the side of the window around 0, in latent units. If ``None``, two standard deviations of the
            codes around their mean, which suits codes without a standard normal prior.
        num_bases: Number of codes, drawn from the validation set, that fix the other latents; their maps are averaged.
        num_images: Number of decoded observations in the figure along each latent.
        num_samples: Number of base codes of the response matrix that finds the pairs.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the bases and of the response matrix.

    Raises:
        ValueError: If a number is too small; at the start of a run, if the model lacks a latent of ``pairs`` or has a
            single latent.
    """

    name = "response_map"
    summary = "Where decoding and encoding moves codes, on slices through two latents"
    needs = (two_latents,)
    size_argument = "num_samples"
    captions = {
        "*": "How decoding and encoding moves codes of these two latents, with the others fixed at a code of the data. "
        "It contracts where the divergence is negative and where the mean curvature is positive, and expands elsewhere."
    }
    quantities = ("void_mass", "contracting_share")

    def __init__(
        self,
        pairs: Sequence[tuple[int, int]] | None = None,
        num_pairs: int = 2,
        num_steps: int = 32,
        radius: float | None = 2.0,
        num_bases: int = 1,
        num_images: int = 9,
        num_samples: int = 256,
        every_n_validations: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_validations, seed)
        check_at_least("num_pairs", num_pairs, 1)
        check_at_least("num_steps", num_steps, 3)
        check_at_least("num_bases", num_bases, 1)
        check_at_least("num_images", num_images, 2)
        check_at_least("num_samples", num_samples, 2)
        if pairs is not None and not pairs:
            raise ValueError(
                f"pairs must contain at least one pair of latents, got {pairs}; None finds the strongest pairs"
            )
        if radius is not None:
            check_positive("radius", radius)
        self.pairs = None if pairs is None else [LatentSlice((first, second)).latents for first, second in pairs]
        self.num_pairs = num_pairs
        self.num_steps = num_steps
        self.radius = radius
        self.num_bases = num_bases
        self.num_images = num_images
        self.num_samples = num_samples

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        largest = max(map(max, self.pairs)) if self.pairs else 1
        if largest >= pl_module.latent_dim:  # type: ignore[operator]
            raise ValueError(f"a response map needs latent {largest}, but the model has {pl_module.latent_dim}")

    @override
    def run(self, context: AssayContext) -> AssayResult:
        codes = context.table.codes
        order = context.draw_rows(len(codes))
        pairs = self.pairs or self._strongest(context, codes[order[: self.num_samples]])
        bases = codes[order[: self.num_bases]]
        maps: dict[str, tuple[ResponseMap, float, float]] = {}
        for pair in pairs:
            window = LatentSlice.around(codes, pair) if self.radius is None else LatentSlice(pair, self.radius)
            result = response_map(
                context.sharded_model(), bases, window, num_steps=self.num_steps, progress=context.progress
            )
            histogram = slice_histogram(codes, window, num_steps=self.num_steps)
            name = f"latents_{pair[0]:02d}_{pair[1]:02d}"
            maps[name] = (result, float(contracting_share(result, histogram)), histogram.inside)
        rows: list[list[float | str]] = [
            [*result.window.latents, float(result.void_mass), share, inside] for result, share, inside in maps.values()
        ]
        return AssayResult(
            scalars={
                "void_mass": sum(float(result.void_mass) for result, _, _ in maps.values()) / len(maps),
                "contracting_share": sum(share for _, share, _ in maps.values()) / len(maps),
            },
            figures={name: partial(self._draw, context, bases[0], result) for name, (result, _, _) in maps.items()},
            arrays={f"{name}_field": result.field for name, (result, _, _) in maps.items()}
            | {f"{name}_values": result.values for name, (result, _, _) in maps.items()},
            tables={"pairs": (["first", "second", "void mass", "contracting share", "codes inside"], rows)},
        )

    def _strongest(self, context: AssayContext, base: Tensor) -> list[tuple[int, int]]:
        matrix = response_matrix(
            context.sharded_model(), base, generator=context.generator, progress=context.progress
        ).matrix
        active = active_latents(matrix, spread=base.std(dim=0, correction=0))
        return strongest_pairs(matrix, self.num_pairs, active)

    def _draw(self, context: AssayContext, base: Tensor, result: ResponseMap) -> "Figure":
        return response_map_figure(
            result,
            decoded=decode_slice(context.autoencoder, base, result.window, num_steps=self.num_images),
            histogram=slice_histogram(context.table.codes, result.window, num_steps=HISTOGRAM_STEPS),
        )

    @override
    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterator[str]:
        if defined(scalars["contracting_share"]):
            share = percent(scalars["contracting_share"])
            yield f"{share} of the codes on the slices lie where decoding and encoding contracts."
        if defined(scalars["void_mass"]):
            share = percent(scalars["void_mass"])
            yield f"{share} of the prior's mass on the slices lies in voids, where it does not contract."
