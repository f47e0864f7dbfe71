"""Consistency under hard interventions, in validation."""

from collections.abc import Iterator, Mapping

from typing_extensions import override

from lr_lightning.assays.consistency import consistency
from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.sentences import defined, number
from lr_lightning.common.checks import check_at_least
from lr_lightning.plots.consistency import equivariance_figure, invariance_figure, self_consistency_figure


class ConsistencyAssay(AssayCallback):
    """Logs invariance, equivariance and self-consistency; see :func:`lr_lightning.assays.consistency`.

    Scalars under ``assay/consistency/``: ``invariance``, the off-diagonal mean, and ``equivariance``, the mean over
    latents; ``self_consistency_first`` and ``self_consistency_last``, after one and after ``num_steps`` responses.

    Decodes and encodes ``num_samples * (1 + D * num_values + num_steps)`` samples.

    Args:
        num_samples: Number of codes, drawn from the validation set.
        num_values: Number of values that each latent is set to.
        num_steps: Number of consecutive responses.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the codes.

    Raises:
        ValueError: If ``num_samples`` is below 2, or another number below 1.
    """

    name = "consistency"
    summary = "Invariance, equivariance and self-consistency when latents are set"
    size_argument = "num_samples"
    captions = {
        "invariance": "Row: the latent that was set. Column: the latent that is encoded afterwards. 1 if it stays "
        "the same, which should hold everywhere off the diagonal.",
        "equivariance": "1 if setting a latent before the response has the same effect as setting it afterwards.",
        "self_consistency": "How well codes stay in place under repeated responses; 1 if they do not move.",
    }
    quantities = ("invariance", "equivariance", "self_consistency_first", "self_consistency_last")

    def __init__(
        self,
        num_samples: int = 128,
        num_values: int = 5,
        num_steps: int = 8,
        every_n_validations: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_validations, seed)
        check_at_least("num_samples", num_samples, 2)
        check_at_least("num_values", num_values, 1)
        check_at_least("num_steps", num_steps, 1)
        self.num_samples = num_samples
        self.num_values = num_values
        self.num_steps = num_steps

    @override
    def run(self, context: AssayContext) -> AssayResult:
        result = consistency(
            context.sharded_model(),
            context.draw_codes(self.num_samples),
            num_values=self.num_values,
            num_steps=self.num_steps,
            progress=context.progress,
        )
        return AssayResult(
            scalars={
                "invariance": float(result.mean_invariance),
                "equivariance": float(result.mean_equivariance),
                "self_consistency_first": float(result.self_consistency[0]),
                "self_consistency_last": float(result.self_consistency[-1]),
            },
            figures={
                "invariance": lambda: invariance_figure(result),
                "equivariance": lambda: equivariance_figure(result),
                "self_consistency": lambda: self_consistency_figure(result),
            },
            arrays={
                "invariance": result.invariance,
                "invariance_error": result.invariance_error,
                "equivariance": result.equivariance,
                "equivariance_error": result.equivariance_error,
                "self_consistency": result.self_consistency,
                "self_consistency_error": result.self_consistency_error,
                "self_consistency_per_latent": result.self_consistency_per_latent,
            },
        )

    @override
    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterator[str]:
        for key, sentence in (
            ("invariance", "Invariance is {}: 1 if setting a latent leaves the others unchanged."),
            ("equivariance", "Equivariance is {}: 1 if each latent is encoded as it was set and no other changes."),
            ("self_consistency_first", "Self-consistency is {} after one response: 1 if codes do not move."),
            ("self_consistency_last", "Self-consistency is {} after the last response."),
        ):
            if defined(scalars[key]):
                yield sentence.format(number(scalars[key]))
