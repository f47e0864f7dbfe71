"""Consistency under hard interventions, in validation."""

import torch
from typing_extensions import override

from lr_lightning.assays.consistency import consistency
from lr_lightning.callbacks.assay import AssayCallback, AssayContext, AssayResult
from lr_lightning.plots.consistency import equivariance_figure, invariance_figure, self_consistency_figure


class ConsistencyAssay(AssayCallback):
    """Logs invariance, equivariance and self-consistency; see :func:`lr_lightning.assays.consistency`.

    Scalars under ``assay/consistency/``: ``invariance``, the mean without the diagonal, and ``equivariance``, the mean
    over latents; ``self_consistency_first`` and ``self_consistency_last``, after 1 and after ``num_steps`` responses.

    Costs ``num_samples * (1 + D * num_values + num_steps)`` decoded and as many encoded samples.

    Args:
        num_samples: Codes, drawn from the validation set.
        num_values: Values that each latent is set to.
        num_steps: Responses in a row.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the codes.

    Raises:
        ValueError: If ``num_samples`` is below 2, or another number below 1.
    """

    name = "consistency"
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
        if num_samples < 2 or num_values < 1 or num_steps < 1:
            raise ValueError(
                "num_samples must be at least 2, num_values and num_steps at least 1, "
                f"got {num_samples}, {num_values} and {num_steps}"
            )
        self.num_samples = num_samples
        self.num_values = num_values
        self.num_steps = num_steps

    @override
    def run(self, context: AssayContext) -> AssayResult:
        table = context.table.codes
        codes = table[torch.randperm(len(table), generator=context.generator)[: self.num_samples]]
        result = consistency(
            context.sharded_model(),
            codes,
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
