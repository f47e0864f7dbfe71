"""Where codes move when they are decoded and encoded repeatedly, in validation."""

from collections.abc import Iterator, Mapping

import torch
from typing_extensions import override

from lr_lightning.assays.attractors import find_attractors
from lr_lightning.assays.decoding import decode_codes
from lr_lightning.assays.idempotence import idempotence_curve
from lr_lightning.assays.memorization import memorization
from lr_lightning.assays.starts import Starts, starting_codes
from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.sentences import count, defined, number, percent
from lr_lightning.common.checks import check_at_least, check_choice, check_positive
from lr_lightning.plots.attractors import attractors_figure
from lr_lightning.plots.idempotence import idempotence_figure


class DynamicsAssay(AssayCallback):
    """Logs how far codes move when they are decoded and encoded repeatedly, and where they come to rest.

    See :func:`lr_lightning.assays.idempotence_curve` and :func:`lr_lightning.assays.find_attractors`. Scalars under
    ``assay/dynamics/``: ``first_step`` and ``last_step`` (mean lengths, in latent units), ``attractors``,
    ``effective_attractors``, ``largest_basin``, ``not_converged`` and ``diverged`` (shares of the starts), and
    ``nearest_code`` with ``code_spacing`` (mean distance from an attractor to the nearest validation code, weighted by
    their shares, and median distance from a code to its nearest neighbor). If no start converges, ``attractors`` and
    ``largest_basin`` are 0, and ``effective_attractors`` and ``nearest_code`` NaN.

    Args:
        num_samples: Number of starts.
        starts: ``"posterior"`` draws them from the validation codes, ``"prior"`` from the standard normal, ``"box"``
            uniformly from the range of the validation codes.
        num_steps: Steps of the curve.
        max_steps: Largest number of steps towards an attractor; 1000 in the paper.
        tolerance: Relative step length below which a code counts as at rest.
        max_images: Draw at most this many attractors, those with the largest basins.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the starts.

    Raises:
        ValueError: If a number is below 1, ``tolerance`` is not positive or ``starts`` is unknown.
    """

    name = "dynamics"
    summary = "Where codes converge when they are decoded and encoded repeatedly"
    size_argument = "num_samples"
    captions = {
        "idempotence": "How far codes move in each further round of decoding and encoding. A falling curve means that "
        "they settle.",
        "attractors": "The decoded attractors, with the share of starts that converge to each and its distance to the "
        "nearest code of the data.",
    }
    quantities = (
        "first_step",
        "last_step",
        "attractors",
        "effective_attractors",
        "largest_basin",
        "not_converged",
        "diverged",
        "nearest_code",
        "code_spacing",
    )

    def __init__(
        self,
        num_samples: int = 64,
        starts: Starts = "posterior",
        num_steps: int = 8,
        max_steps: int = 100,
        tolerance: float = 1e-5,
        max_images: int = 16,
        every_n_validations: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_validations, seed)
        check_at_least("num_samples", num_samples, 1)
        check_at_least("num_steps", num_steps, 1)
        check_at_least("max_steps", max_steps, 1)
        check_at_least("max_images", max_images, 1)
        check_positive("tolerance", tolerance)
        check_choice("starts", starts, ("posterior", "prior", "box"))
        self.num_samples = num_samples
        self.starts = starts
        self.num_steps = num_steps
        self.max_steps = max_steps
        self.tolerance = tolerance
        self.max_images = max_images

    @override
    def run(self, context: AssayContext) -> AssayResult:
        codes, sharded_model = context.table.codes, context.sharded_model()
        starts = starting_codes(self.starts, codes, self.num_samples, context.generator)
        curve = idempotence_curve(sharded_model, starts, num_steps=self.num_steps, progress=context.progress)
        found = find_attractors(
            sharded_model, starts, tolerance=self.tolerance, max_steps=self.max_steps, progress=context.progress
        )
        near = memorization(found.positions, codes)
        images = None
        if len(found.positions):
            decoded = decode_codes(context.autoencoder, found.positions[: self.max_images])
            images = decoded if decoded.ndim == 4 and decoded.shape[1] in (1, 3) else None
        none = not len(found.shares)
        return AssayResult(
            scalars={
                "first_step": float(curve.total[0]),
                "last_step": float(curve.total[-1]),
                "attractors": len(found.shares),
                "effective_attractors": found.effective_number,
                "largest_basin": 0.0 if none else float(found.shares[0]),
                "not_converged": found.not_converged,
                "diverged": found.diverged,
                "nearest_code": torch.nan if none else float(near.distances @ found.shares / found.shares.sum()),
                "code_spacing": near.spacing,
            },
            figures={
                "idempotence": lambda: idempotence_figure(curve),
                "attractors": lambda: attractors_figure(found, images, near),
            },
            arrays={
                "steps": curve.total,
                "steps_by_latent": curve.latents,
                "starts": starts,
                "attractors": found.positions,
                "shares": found.shares,
                "labels": found.labels,
            },
        )

    @override
    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterator[str]:
        if scalars["attractors"]:
            converging = percent(1 - scalars["not_converged"] - scalars["diverged"])
            yield (
                f"{converging} of the starts converge, to {count(scalars['attractors'], 'attractor')}; the largest one "
                f"attracts {percent(scalars['largest_basin'])} of all starts."
            )
        else:
            yield "No start converges."
        yield (
            f"The first round trip through decoder and encoder moves a code by {number(scalars['first_step'])} latent "
            f"units, the last of the curve by {number(scalars['last_step'])}."
        )
        near, spacing = scalars["nearest_code"], scalars["code_spacing"]
        if defined(near, spacing):
            verdict = "much closer, as if memorized" if near < 0.1 * spacing else "no sign of memorized observations"
            yield (
                f"Attractors lie {number(near)} from the nearest code, and codes {number(spacing)} from each other: "
                f"{verdict}."
            )
