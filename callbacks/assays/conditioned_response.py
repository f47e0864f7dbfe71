"""The conditioned response matrix and its scores in validation."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from typing_extensions import override

from lr_lightning.assays import (
    ConditionedResponseMatrix,
    bootstrap_interval,
    causal_completeness_score,
    causal_disentanglement_score,
    conditioned_response_matrix,
    label_response_matrix,
    marginal_pairs,
    matched_pairs,
    owned_factors,
    paired_response_matrix,
    permutation_null,
    score_warnings,
)
from lr_lightning.assays.conditioned_response import Reduction, Variant
from lr_lightning.assays.response_matrix import Convention
from lr_lightning.assays.traversals import Codes
from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.cautions import code_cautions
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.encoded_traversals import encoded_traversals
from lr_lightning.callbacks.needs import Target, full_factor_grid, labels
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.sentences import count, defined, number, percent
from lr_lightning.common.checks import check_at_least, check_choice
from lr_lightning.plots import conditioned_response_figure

Traversals: TypeAlias = Literal["grid", "matched", "marginal"]
Preset: TypeAlias = Literal["paper", "release", "leeb2021"]
Entry = TypeVar("Entry")


class _Options(NamedTuple):
    """What a preset sets."""

    reduction: Reduction
    variant: Variant
    convention: Convention
    codes: Codes


_PRESETS: dict[str, _Options] = {
    "paper": _Options("mean", "diagonal", "paper", "mean"),
    "release": _Options("mean", "diagonal", "release", "mean"),
    "leeb2021": _Options("min", "max", "release", "sample"),
}

_QUANTITIES = ("cds", "cds_norm", "cds_low", "cds_high", "cds_chance", "ccs", "ccs_norm", "owned_factors")

_EXCHANGED = {
    "": "along which latents were exchanged",
    "_matched": "in which bases and donors differ, while all other labels agree; in parentheses, the number of groups "
    "of such samples. Rows without groups are crossed out",
    "_marginal": "in which bases and donors differ. Other factors differ too, so latents also respond to those: "
    "numbers are upper bounds of leakage if factors are independent and each latent is a sum of functions of single "
    "factors, but not in general",
}
"""What the rows of the figure are, by the suffix of the keys."""


def grid_or_suggestion(target: Target) -> str | None:
    """Need a full grid of factors; for other data with labels, suggest the arguments that need no grid."""
    missing = full_factor_grid(target)
    if missing is None or labels(target) is not None:
        return missing and labels(target)
    return f"{missing}, which traversals: grid needs; traversals: matched and traversals: marginal need only labels"


class ConditionedResponseAssay(AssayCallback):
    """Logs how each latent responds along each factor; see :func:`lr_lightning.assays.conditioned_response_matrix`.

    Scalars under ``assay/conditioned_response/``: ``cds``, ``cds_norm``, ``ccs``, ``ccs_norm``; ``owned_factors``, the
    share of factors that own a latent; ``cds_low`` and ``cds_high``, a 95 % interval over traversals
    (:func:`lr_lightning.assays.bootstrap_interval`; NaN for a single traversal); ``cds_chance``, the mean score with
    shuffled labels (:func:`lr_lightning.assays.permutation_null`). The matrix is drawn as a heat map, logged as a table
    and saved to ``assays/``.

    In a test over the whole data set, traversals are looked up among its codes; otherwise they are encoded.

    Data that are no grid of factor combinations need ``traversals="matched"`` or ``"marginal"``, which use the codes of
    the pass (:func:`lr_lightning.assays.paired_response_matrix`). These are different quantities, so all keys end in
    ``_matched`` or ``_marginal``. Further scalars: ``factors``, the number of factors with pairs, and ``pairs``, the
    number of different pairs; ``groups_matched``, the number of groups used; ``cds_of_labels_marginal``, the CDS of the
    labels themselves, used as codes.

    Args:
        num_traversals: Traversals of each factor; with ``"matched"``, the largest number of groups.
        num_samples: Interventions per traversal and latent.
        reduction: Over traversals, ``"mean"`` or ``"min"``; that of ``preset`` if ``None``.
        convention: ``"paper"`` or ``"release"``, that of ``preset`` if ``None``; scores do not depend on it.
        num_resamples: Resamples for the interval and permutations for chance.
        traversals: Which samples exchange latents: ``"grid"``, along traversals of a full grid; ``"matched"``, samples
            that differ in one label and agree in all others, as many as there are; ``"marginal"``, samples that differ
            in one label, whatever the others.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of traversals, bases and donors.
        preset: ``"paper"``: means over traversals, response of the latent that was replaced, and the factor 1/2.
            ``"release"``: without the factor. ``"leeb2021"``: samples from the posteriors as codes, minimum over
            traversals, maximum over responding latents, without the factor, as in the authors' evaluation of 2021. Its
            tables had the normalized scores, which the summary then shows. Deterministic models have their codes as
            samples. It needs a full grid.

    Raises:
        ValueError: If a number is below 1, ``traversals`` or ``preset`` is unknown, or the preset needs a grid.
    """

    name = "conditioned_response"
    summary = "Which latents respond along which factor, with CDS, CCS and chance"
    needs = (grid_or_suggestion,)
    report_options = {"num_traversals": 20, "num_samples": 16}
    captions = {
        "matrix": f"Row: the factor {_EXCHANGED['']}. Column: the latent that responds. One bright "
        "cell per column means that each latent encodes a single factor."
    }
    headlines = {"cds": "CDS", "cds_norm": "CDS_norm", "ccs": "CCS"}
    quantities: Sequence[str] = _QUANTITIES

    def __init__(
        self,
        num_traversals: int = 50,
        num_samples: int = 32,
        reduction: Literal["mean", "min"] | None = None,
        convention: Literal["paper", "release"] | None = None,
        num_resamples: int = 200,
        traversals: Traversals = "grid",
        every_n_validations: int = 1,
        seed: int = 0,
        preset: Preset = "paper",
    ) -> None:
        super().__init__(every_n_validations, seed)
        check_at_least("num_traversals", num_traversals, 1)
        check_at_least("num_samples", num_samples, 1)
        check_at_least("num_resamples", num_resamples, 1)
        check_choice("traversals", traversals, ("grid", "matched", "marginal"))
        self.num_traversals = num_traversals
        self.num_samples = num_samples
        check_choice("preset", preset, tuple(_PRESETS))
        self.preset: Preset = preset
        chosen = _PRESETS[preset]
        if chosen.codes == "sample" and traversals != "grid":
            raise ValueError(f"preset leeb2021 needs traversals: grid, got {traversals!r}")
        self.reduction: Reduction = reduction or chosen.reduction
        self.convention: Convention = convention or chosen.convention
        self.variant: Variant = chosen.variant
        self.codes: Codes = chosen.codes
        self.num_resamples = num_resamples
        self.traversals: Traversals = traversals
        if traversals != "grid":
            self._rename_keys()

    def _rename_keys(self) -> None:
        """Give the keys of scores without a grid their own names, so that nothing compares them with those of grids."""
        suffix, cls = self._suffix, type(self)
        self.needs = (labels,)
        self.captions = {f"matrix{suffix}": f"Row: the factor {_EXCHANGED[suffix]}. Column: the latent that responds."}
        self.headlines = {f"{key}{suffix}": f"{label} ({self.traversals})" for key, label in cls.headlines.items()}
        further = ("factors", "pairs", "groups" if self.traversals == "matched" else "cds_of_labels")
        self.quantities = tuple(f"{key}{suffix}" for key in (*_QUANTITIES, *further))

    @property
    def _suffix(self) -> str:
        return "" if self.traversals == "grid" else f"_{self.traversals}"

    @override
    def run(self, context: AssayContext) -> AssayResult:
        if self.traversals == "grid":
            result, further = self._along_grid(context), dict[str, float]()
        else:
            result, further = self._between_samples(context)
        low, high = bootstrap_interval(result, num_resamples=self.num_resamples, generator=context.generator)
        null = permutation_null(result, num_permutations=self.num_resamples, generator=context.generator)
        scalars = {
            "cds": float(causal_disentanglement_score(result.matrix)),
            "cds_norm": float(causal_disentanglement_score(result.matrix, normalized=True)),
            "cds_low": float(low),
            "cds_high": float(high),
            "cds_chance": float(null.null.mean()),
            "ccs": float(causal_completeness_score(result.matrix)),
            "ccs_norm": float(causal_completeness_score(result.matrix, normalized=True)),
            "owned_factors": float(owned_factors(result.matrix)),
        }
        names = _factor_names(context, len(result.matrix))
        arrays = {"matrix": result.matrix}
        arrays |= {f"per_traversal_{name}": rows for name, rows in zip(names, result.per_traversal, strict=True)}
        return AssayResult(
            scalars=self._keyed(scalars | further),
            figures=self._keyed({"matrix": lambda: conditioned_response_figure(result, names)}),
            arrays=self._keyed(arrays),
            tables=self._keyed({"table": _table(result, names)}),
            warnings=(
                *code_cautions(context.table),
                *_unpaired(result, names, context),
                *score_warnings(conditioned=result, num_resamples=self.num_resamples, generator=context.generator),
            ),
        )

    def _along_grid(self, context: AssayContext) -> ConditionedResponseMatrix:
        missing = grid_or_suggestion(Target((), context.autoencoder.latent_dim, context.dataset))
        if missing is not None:
            raise ValueError(missing)
        return conditioned_response_matrix(
            context.sharded_model(),
            encoded_traversals(context, self.num_traversals, self.codes),
            num_samples=self.num_samples,
            reduction=self.reduction,
            variant=self.variant,
            convention=self.convention,
            generator=context.generator,
            progress=context.progress,
        )

    def _between_samples(self, context: AssayContext) -> tuple[ConditionedResponseMatrix, dict[str, float]]:
        """Return the matrix of matched or marginal pairs of the pass, and the scalars that only these have."""
        factors = context.table.factors
        if factors is None or not factors.shape[1]:
            raise ValueError(f"traversals: {self.traversals} needs labels, and the data have none")
        draw = matched_pairs if self.traversals == "matched" else marginal_pairs
        pairs = draw(factors, self.num_traversals, self.num_samples, context.generator)
        result = paired_response_matrix(
            context.sharded_model(),
            context.table.codes,
            pairs,
            reduction=self.reduction,
            convention=self.convention,
            generator=context.generator,
            progress=context.progress,
        )
        further = {
            "factors": float(sum(number > 0 for number in pairs.num_traversals)),
            "pairs": float(sum(pairs.num_pairs)),
        }
        if self.traversals == "matched":
            return result, further | {"groups": float(sum(pairs.num_traversals))}
        return result, further | {
            "cds_of_labels": float(causal_disentanglement_score(label_response_matrix(factors, pairs)))
        }

    def _keyed(self, entries: Mapping[str, Entry]) -> dict[str, Entry]:
        return {f"{key}{self._suffix}": entry for key, entry in entries.items()}

    @override
    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterator[str]:
        suffix = self._suffix
        score, chance, low, high = (scalars[f"{key}{suffix}"] for key in ("cds", "cds_chance", "cds_low", "cds_high"))
        kind = "" if not suffix else f" of {self.traversals} pairs"
        if not defined(score):
            yield f"The causal disentanglement score (CDS){kind} is undefined."
            return
        if suffix and scalars[f"factors{suffix}"] == 1:
            yield f"CDS{kind} is 1 for every code, because only one factor can be varied; it says nothing here."
        else:
            verdict = "above" if low > chance else "not above"
            yield (
                f"CDS{kind} is {number(score)}, {verdict} its chance level {number(chance)} "
                f"(95 % interval over traversals {number(low)} to {number(high)})."
            )
        if suffix:
            yield self._comparison(scalars)
        yield f"Completeness (CCS) is {number(scalars[f'ccs{suffix}'])}: 1 if a single latent responds to each factor."
        owned = percent(scalars[f"owned_factors{suffix}"])
        yield f"{owned} of the factors own a latent that responds to no other factor as much."

    def _comparison(self, scalars: Mapping[str, float]) -> str:
        """Return what the scores of pairs were measured on, and what they can be compared with."""
        pairs = count(scalars[f"pairs{self._suffix}"], "pair")
        factors = count(scalars[f"factors{self._suffix}"], "factor")
        if self.traversals == "matched":
            groups = count(scalars["groups_matched"], "group")
            return (
                f"Measured on {pairs} in {groups} of samples that differ in one of {factors} and agree in all other "
                "labels; not comparable with scores of a full grid."
            )
        return (
            f"Measured on {pairs} of samples that differ in one of {factors}, whatever their other labels, to which "
            "latents respond as well: even a code that consists of the labels has CDS "
            f"{number(scalars['cds_of_labels_marginal'])}; not comparable with scores of a full grid or of matched "
            "pairs."
        )

    @override
    def summary_rows(self, scalars: Mapping[str, float]) -> Iterator[tuple[str, str]]:
        suffix, kind = self._suffix, "" if self.traversals == "grid" else f" ({self.traversals})"
        found = {key: scalars[f"{key}{suffix}"] for key in _QUANTITIES}
        if suffix and scalars[f"factors{suffix}"] == 1:
            level = "by definition: only one factor varies"
        else:
            interval = f"[{found['cds_low']:.3f}, {found['cds_high']:.3f}] over traversals"
            level = f"{interval}, chance {found['cds_chance']:.3f}"
        if self.preset == "leeb2021":
            yield "CDS_norm", f"{found['cds_norm']:.3f}"
            yield "CCS_norm", f"{found['ccs_norm']:.3f}"
        else:
            yield f"CDS{kind}", f"{found['cds']:.3f}, {level}"
            yield f"CDS_norm{kind}", f"{found['cds_norm']:.3f}"
            yield f"CCS{kind}", f"{found['ccs']:.3f}"
        yield f"Factors owned{kind}", f"{found['owned_factors']:.0%}"


def _factor_names(context: AssayContext, num_factors: int) -> list[str]:
    """Return the names of the factors; their numbers if the data set is unknown."""
    space = getattr(context.dataset, "factor_space", None)
    return [str(factor) for factor in range(num_factors)] if space is None else list(space.names)


def _table(result: ConditionedResponseMatrix, names: list[str]) -> tuple[list[str], list[list[float | str]]]:
    """Return columns and rows of the matrix; for pairs of samples, with their numbers."""
    latents = [str(latent) for latent in range(result.matrix.shape[1])]
    numbers: dict[str, tuple[int, ...]] = {}
    if result.pairs is not None:
        numbers = {"traversals": result.num_traversals, "pairs": result.pairs.num_pairs}
        if result.pairs.pairing == "matched":
            numbers = {"groups": result.pairs.num_groups, **numbers}
    rows: list[list[float | str]] = [
        [name, *(float(column[factor]) for column in numbers.values()), *row]
        for factor, (name, row) in enumerate(zip(names, result.matrix.tolist(), strict=True))
    ]
    return ["factor", *numbers, *latents], rows


def _unpaired(result: ConditionedResponseMatrix, names: list[str], context: AssayContext) -> Iterator[str]:
    """Yield which factors have no pairs of samples, apart from those with a single value in the whole data set."""
    if result.pairs is None:
        return
    space = getattr(context.dataset, "factor_space", None)
    sizes = [2] * len(names) if space is None else space.sizes
    rows = zip(names, sizes, result.num_traversals, strict=True)
    missing = [name for name, size, number in rows if size > 1 and number == 0]
    if missing:
        agree = " and agree in all other labels" if result.pairs.pairing == "matched" else ""
        yield (
            f"No two samples differ in {' or '.join(missing)}{agree}: scores do not cover "
            f"{'this factor' if len(missing) == 1 else 'these factors'}."
        )
