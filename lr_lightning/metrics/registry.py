"""The metrics of this package, an import each, and how metrics are found by their names.

An import here makes a metric's class public in :mod:`lr_lightning.metrics` and its function in
:mod:`lr_lightning.metrics.functional`, and gives it its rows in lists and tables, in this order. Names and variants
stand in the class.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from lr_lightning.common.registry import Registry
from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.function_metric import FunctionMetric

# isort: off
from lr_lightning.metrics.beta_vae_score import BetaVAEScore as BetaVAEScore, beta_vae_score as beta_vae_score
from lr_lightning.metrics.factor_vae_score import FactorVAEScore as FactorVAEScore, factor_vae_score as factor_vae_score
from lr_lightning.metrics.mutual_information_gap import (
    MutualInformationGap as MutualInformationGap,
    mutual_information_gap as mutual_information_gap,
)
from lr_lightning.metrics.robust_mutual_information_gap import (
    RobustMutualInformationGap as RobustMutualInformationGap,
    robust_mutual_information_gap as robust_mutual_information_gap,
)
from lr_lightning.metrics.joint_entropy_gap import (
    JointEntropyMinusMutualInformationGap as JointEntropyMinusMutualInformationGap,
    joint_entropy_minus_mutual_information_gap as joint_entropy_minus_mutual_information_gap,
)
from lr_lightning.metrics.mig_sup import MIGSup as MIGSup, mig_sup as mig_sup
from lr_lightning.metrics.dcimig import DCIMIG as DCIMIG, dcimig as dcimig
from lr_lightning.metrics.separated_attribute_predictability import (
    SeparatedAttributePredictability as SeparatedAttributePredictability,
    separated_attribute_predictability as separated_attribute_predictability,
)
from lr_lightning.metrics.dci import DCI as DCI, dci as dci
from lr_lightning.metrics.modularity import Modularity as Modularity, modularity_score as modularity_score
from lr_lightning.metrics.explicitness import Explicitness as Explicitness, explicitness as explicitness
from lr_lightning.metrics.interventional_robustness_score import (
    InterventionalRobustnessScore as InterventionalRobustnessScore,
    interventional_robustness_score as interventional_robustness_score,
)
from lr_lightning.metrics.infomec import InfoMEC as InfoMEC, infomec as infomec
from lr_lightning.metrics.med import (
    MED as MED,
    mutual_information_based_entropy_disentanglement as mutual_information_based_entropy_disentanglement,
)
from lr_lightning.metrics.mean_correlation_coefficient import (
    MeanCorrelationCoefficient as MeanCorrelationCoefficient,
    mean_correlation_coefficient as mean_correlation_coefficient,
)
from lr_lightning.metrics.dci_es import DCIES as DCIES, dci_es as dci_es
from lr_lightning.metrics.omes import OMES as OMES, omes as omes
from lr_lightning.metrics.single_neuron_classification import (
    SingleNeuronClassification as SingleNeuronClassification,
    single_neuron_classification as single_neuron_classification,
)
from lr_lightning.metrics.neuron_knockout import NeuronKnockout as NeuronKnockout, neuron_knockout as neuron_knockout
from lr_lightning.metrics.gaussian_total_correlation import (
    GaussianTotalCorrelation as GaussianTotalCorrelation,
    gaussian_total_correlation as gaussian_total_correlation,
)
from lr_lightning.metrics.gaussian_wasserstein_correlation import (
    GaussianWassersteinCorrelation as GaussianWassersteinCorrelation,
    gaussian_wasserstein_correlation as gaussian_wasserstein_correlation,
)
from lr_lightning.metrics.pairwise_mutual_information import (
    PairwiseMutualInformation as PairwiseMutualInformation,
    pairwise_mutual_information as pairwise_mutual_information,
)
from lr_lightning.metrics.active_units import ActiveUnits as ActiveUnits, active_units as active_units
from lr_lightning.metrics.kl_per_latent import KLPerLatent as KLPerLatent, kl_per_latent as kl_per_latent
from lr_lightning.metrics.elbo_decomposition import (
    ELBODecomposition as ELBODecomposition,
    elbo_decomposition as elbo_decomposition,
)
from lr_lightning.metrics.sample_efficiency import (
    SampleEfficiency as SampleEfficiency,
    sample_efficiency as sample_efficiency,
)
from lr_lightning.metrics.fairness import Fairness as Fairness, fairness as fairness
from lr_lightning.metrics.strong_generalization import (
    StrongGeneralization as StrongGeneralization,
    strong_generalization as strong_generalization,
)
# isort: on

CLASSES: tuple[type[DisentanglementMetric], ...] = tuple(
    each
    for each in list(globals().values())
    if isinstance(each, type) and issubclass(each, DisentanglementMetric) and hasattr(each, "metric")
)
"""The classes imported above."""

FUNCTIONS = frozenset(cls.function for cls in CLASSES if issubclass(cls, FunctionMetric))
"""Their functions."""

METRICS: Registry[DisentanglementMetric] = Registry(
    "metric",
    DisentanglementMetric,  # type: ignore[type-abstract]
    {name: f"{cls.__module__}:{cls.__qualname__}" for cls in CLASSES for name in cls.variants or (cls.metric,)},
    group="lr_lightning.metrics",
)
"""Classes of metrics by name, those of installed packages included; see :func:`make_metric` for their variants."""

_OWN = tuple(METRICS.entries)
_DOWNSTREAM = ("sample_efficiency", "fairness", "strong_generalisation")
_STANDARDIZED = ("beta_vae_score_standardized", "sap_linear_svc_standardized")
_SLOW = ("dci_gbt", "dci_forest", "dci_logistic", "dci_es", "nk", *_DOWNSTREAM)

GROUPS: Mapping[str, tuple[str, ...]] = {
    "all": _OWN,
    "default": tuple(name for name in _OWN if name not in (*_SLOW, *_STANDARDIZED)),
    "fast": (
        "factor_vae_score",
        "mig",
        "mig_sup",
        "dcimig",
        "sap_r2",
        "modularity",
        "irs",
        "med",
        "mcc_pearson",
        "gaussian_total_correlation",
        "active_units",
    ),
    "study": (
        "beta_vae_score",
        "factor_vae_score",
        "mig",
        "dci_gbt",
        "sap_linear_svc",
        "modularity",
        "explicitness",
        "irs",
        "gaussian_total_correlation",
        "gaussian_wasserstein_correlation",
        "pairwise_mutual_information",
    ),
    "unsupervised": tuple(name for name in _OWN if not METRICS[name].needs_factors),
    "downstream": _DOWNSTREAM,
    "dci": ("dci_lightgbm",),
    "sap": ("sap_linear_svc", "sap_r2", "sap_tree"),
    "mcc": ("mcc_pearson", "mcc_spearman"),
}
"""Metrics that one name stands for; only those of this package, so that a group is the same wherever it runs.

``default``: all that finish within a minute and a half at the study's sizes, chance and ceilings not counted, except
the variants of two scores that do not depend on the scale of the codes. ``fast``: a second or two together, for use in
validation. ``study``: as Locatello et al. (2019), with their exact estimators; takes minutes.
"""

ALIASES: Mapping[str, tuple[str, ...]] = {
    "modularity_explicitness": ("modularity", "explicitness"),
    "unsupervised_metrics": (
        "gaussian_total_correlation",
        "gaussian_wasserstein_correlation",
        "pairwise_mutual_information",
    ),
    **{alias: (next(iter(cls.variants), cls.metric),) for cls in CLASSES for alias in cls.aliases},
}
"""Metrics by the names that they have elsewhere: in disentanglement_lib (which calls ``dci``, ``mig``, ``irs`` and
``fairness`` as we do), in another spelling, or in full. Scores have the names of :data:`METRICS`."""


def make_metric(name: str, **arguments: object) -> DisentanglementMetric:
    """Return the metric called ``name``.

    Args:
        name: Name of :data:`METRICS`, or the import path of a class, ``"package.module.Class"``.
        arguments: Further parameters, besides the arguments of the variant.

    Raises:
        ValueError: If there is no such metric, it cannot be imported, or a parameter is missing, unknown or wrong.
    """
    cls = METRICS[name]
    try:
        return cls(**{**cls.variants.get(name, {}), **arguments})
    except TypeError as error:
        raise ValueError(f"the metric {name!r} cannot be made: {error}") from error


def make_metrics(names: Iterable[str]) -> dict[str, DisentanglementMetric]:
    """Return the metrics that ``names`` stand for, each once, in order.

    Args:
        names: Names of :data:`METRICS`, :data:`GROUPS` or :data:`ALIASES`, and import paths of classes.

    Returns:
        Metrics by name; one found by its import path goes by the name in its class.

    Raises:
        ValueError: As :func:`make_metric`; or if ``names`` is a single string, or two metrics have one name.

    Example:
        >>> list(make_metrics(["sap", "mig", "sap_r2"]))
        ['sap_linear_svc', 'sap_r2', 'sap_tree', 'mig']
    """
    if isinstance(names, str):
        raise ValueError(f"metrics must be a list of names, got the single string {names!r}")
    made: dict[str, DisentanglementMetric] = {}
    for name in names:
        for single in GROUPS.get(name, ALIASES.get(name, (name,))):
            if single in METRICS:
                made.setdefault(single, make_metric(single))
            elif "." in single.strip("."):
                _add(made, METRICS[single])
            else:
                raise ValueError(f"there is no metric {single!r}; {_closest(single)}")
    return made


def _add(made: dict[str, DisentanglementMetric], cls: type[DisentanglementMetric]) -> None:
    """Add the metric of a class found by its import path to those ``made``."""
    path = f"{cls.__module__}.{cls.__qualname__}"
    if not hasattr(cls, "metric"):
        raise ValueError(f"{path} has no name; set its class attribute 'metric'")
    name = METRICS.name_of(cls) or cls.metric
    taken = made.get(name)
    if type(taken) is not cls and (taken is not None or (name in METRICS and METRICS[name] is not cls)):
        raise ValueError(f"{path} has the name of another metric, {name!r}; change its class attribute 'metric'")
    made.setdefault(name, make_metric(path))


def _closest(name: str) -> str:
    close = get_close_matches(name, [*METRICS, *GROUPS, *ALIASES], n=1)
    return f"did you mean {close[0]}?" if close else f"choose from {', '.join([*METRICS, *GROUPS])}"
