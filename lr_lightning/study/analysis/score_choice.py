"""Which scores a report shows, which of them need labels, and which direction is better where the table has none."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from types import SimpleNamespace

_MAIN = (
    "beta_vae_score",
    "factor_vae_score",
    "mig",
    "dci_*_disentanglement",
    "dci_*_completeness",
    "dci_*_informativeness_test",
    "sap_*",
    "modularity*",
    "explicitness_*",
    "irs*",
    "mcc_*",
    "infomec_modularity",
    "infomec_compactness",
    "assay/*/cds*",
    "assay/*/ccs*",
    "assay/*/independence",
    "assay/*/directedness",
    "assay/*/effective_dimension",
    "udr*",
    "gaussian_total_correlation",
    "gaussian_wasserstein_correlation",
    "pairwise_mutual_information",
    "active_units*",
    "*/reconstruction",
    "*/kl",
    "*/loss",
)
"""The first score that matches each pattern is shown: of the variants of a score, the table has dozens."""

_TARGETS = ("mig", "dci_*_disentanglement", "factor_vae_score", "assay/*/cds*")
"""Scores with labels that judge models."""

_DIRECTIONS = {
    "*/loss": False,
    "*/reconstruction": False,
    "*/bits_per_dimension": False,
    "*/cds*": True,
    "*/ccs*": True,
    "*/independence": True,
    "udr*": True,
}
"""Directions of scalars that are no scores of a metric, whose direction the table has."""


def main_scores(names: Iterable[str]) -> list[str]:
    """Return the scores to show by default: one for each of the usual scores that ``names`` contains, or all.

    Example:
        >>> main_scores(["test/seconds", "mig", "dci_lasso_disentanglement", "dci_gbt_disentanglement", "val/mig"])
        ['mig', 'dci_lasso_disentanglement']
    """
    known = list(names)
    return list(dict.fromkeys(_first_matches(_MAIN, known))) or known


def main_targets(names: Iterable[str]) -> list[str]:
    """Return the scores, among ``names``, that judge models by default.

    Example:
        >>> main_targets(["dci_gbt_completeness", "assay/conditioned_response/cds", "mig"])
        ['mig', 'assay/conditioned_response/cds']
    """
    return _first_matches(_TARGETS, list(names))


def usual_direction(name: str) -> bool | None:
    """Return whether higher values of a scalar are better, ``None`` if that is not known, as for the KL divergence.

    Example:
        >>> usual_direction("test/reconstruction"), usual_direction("test/kl")
        (False, None)
    """
    return next((better for pattern, better in _DIRECTIONS.items() if fnmatchcase(name, pattern)), None)


def needs_labels(name: str) -> bool:
    """Return whether a score needs the factors of the data.

    Metrics say so. Assays are asked whether they would run on data without factors. Losses and UDR need none. Metrics
    and assays that are not installed here are taken to need labels: to call them label-free would be the worse mistake.

    Args:
        name: Name in a study's table, such as ``"dci_gbt_completeness"`` or ``"assay/response_matrix/independence"``.

    Example:
        >>> needs_labels("mig"), needs_labels("test/kl"), needs_labels("val/assay/conditioned_response/cds")
        (True, False, True)
    """
    from lr_lightning.callbacks.needs import Target, first_missing
    from lr_lightning.callbacks.registry import ASSAYS
    from lr_lightning.metrics.registry import METRICS

    kind, _, rest = name.partition("/")
    if rest.startswith(("assay/", "metric/")):  # of the last validation
        kind, _, rest = rest.partition("/")
    if kind == "assay":
        assay = rest.partition("/")[0]
        unlabeled = SimpleNamespace(name="unlabeled", factor_space=SimpleNamespace(names=(), sizes=()))
        target = Target((1, 64, 64), 10, unlabeled)
        return assay not in ASSAYS or first_missing(ASSAYS[assay].needs, target) is not None
    if (rest and kind != "metric") or kind.startswith("udr"):
        return False
    score = rest.replace("/", "_") if kind == "metric" else name
    metrics = [metric for metric in METRICS if score == metric or score.startswith(f"{metric}_")]
    family = [metric for metric in METRICS if metric.partition("_")[0] == score.partition("_")[0]]
    found = max(metrics, key=len, default=family[0] if family else None)
    return found is None or METRICS[found].needs_factors


def _first_matches(patterns: Iterable[str], names: list[str]) -> list[str]:
    found = (next((name for name in names if fnmatchcase(name, pattern)), None) for pattern in patterns)
    return [name for name in found if name is not None]
