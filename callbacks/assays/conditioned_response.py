"""The conditioned response matrix and its scores in validation."""

from typing import Literal

from typing_extensions import override

from lr_lightning.assays import (
    bootstrap_interval,
    causal_completeness_score,
    causal_disentanglement_score,
    conditioned_response_matrix,
    owned_factors,
    permutation_null,
    score_warnings,
)
from lr_lightning.callbacks.assay import AssayCallback, AssayContext, AssayResult
from lr_lightning.callbacks.cautions import code_cautions
from lr_lightning.callbacks.encoded_traversals import encoded_traversals
from lr_lightning.plots import conditioned_response_figure


class ConditionedResponseAssay(AssayCallback):
    """Logs how each latent answers along each factor; see :func:`lr_lightning.assays.conditioned_response_matrix`.

    Scalars under ``assay/conditioned_response/``: ``cds``, ``cds_norm``, ``ccs``, ``ccs_norm``; ``owned_factors``, the
    share of factors that own a latent; ``cds_low`` and ``cds_high``, a 95 % interval over traversals
    (:func:`lr_lightning.assays.bootstrap_interval`; NaN with a single traversal); ``cds_chance``, the mean score with
    the factor labels of the traversals shuffled. The matrix goes to a heat map, to a table and to ``assays/``.

    In a test over the whole data set the traversals are looked up among its codes; else they are encoded.

    Args:
        num_traversals: Traversals of each factor.
        num_samples: Interventions per traversal and latent.
        reduction: Over traversals, ``"mean"`` or ``"min"``.
        convention: ``"paper"`` or ``"release"``; no score depends on it.
        num_resamples: Resamples for the interval and permutations for chance.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of traversals, bases and donors.

    Raises:
        ValueError: If a number is below 1, or at the start of a run if the data have no full grid of factors.
    """

    name = "conditioned_response"
    quantities = ("cds", "cds_norm", "cds_low", "cds_high", "cds_chance", "ccs", "ccs_norm", "owned_factors")

    def __init__(
        self,
        num_traversals: int = 50,
        num_samples: int = 32,
        reduction: Literal["mean", "min"] = "mean",
        convention: Literal["paper", "release"] = "paper",
        num_resamples: int = 200,
        every_n_validations: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_validations, seed)
        for key, number in {
            "num_traversals": num_traversals,
            "num_samples": num_samples,
            "num_resamples": num_resamples,
        }.items():
            if number < 1:
                raise ValueError(f"{key} must be at least 1, got {number}")
        self.num_traversals = num_traversals
        self.num_samples = num_samples
        self.reduction: Literal["mean", "min"] = reduction
        self.convention: Literal["paper", "release"] = convention
        self.num_resamples = num_resamples

    @override
    def run(self, context: AssayContext) -> AssayResult:
        result = conditioned_response_matrix(
            context.sharded_model(),
            encoded_traversals(context, self.num_traversals),
            num_samples=self.num_samples,
            reduction=self.reduction,
            convention=self.convention,
            generator=context.generator,
            progress=context.progress,
        )
        low, high = bootstrap_interval(result, num_resamples=self.num_resamples, generator=context.generator)
        null = permutation_null(result, num_permutations=self.num_resamples, generator=context.generator)
        names = list(context.dataset.factor_space.names)
        rows = [[name, *row] for name, row in zip(names, result.matrix.tolist(), strict=True)]
        return AssayResult(
            scalars={
                "cds": float(causal_disentanglement_score(result.matrix)),
                "cds_norm": float(causal_disentanglement_score(result.matrix, normalized=True)),
                "cds_low": float(low),
                "cds_high": float(high),
                "cds_chance": float(null.null.mean()),
                "ccs": float(causal_completeness_score(result.matrix)),
                "ccs_norm": float(causal_completeness_score(result.matrix, normalized=True)),
                "owned_factors": float(owned_factors(result.matrix)),
            },
            figures={"matrix": lambda: conditioned_response_figure(result, names)},
            arrays={"matrix": result.matrix}
            | {f"per_traversal_{name}": rows for name, rows in zip(names, result.per_traversal, strict=True)},
            tables={"table": (["factor", *map(str, range(result.matrix.shape[1]))], rows)},
            warnings=(
                *code_cautions(context.table),
                *score_warnings(conditioned=result, num_resamples=self.num_resamples, generator=context.generator),
            ),
        )
