"""Metrics and groups of them by the names that the command line and the suite take."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import partial

from lr_lightning.metrics.active_units import ActiveUnits
from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.beta_vae_score import BetaVAEScore
from lr_lightning.metrics.dci import DCI
from lr_lightning.metrics.dci_es import DCIES
from lr_lightning.metrics.dcimig import DCIMIG
from lr_lightning.metrics.elbo_decomposition import ELBODecomposition
from lr_lightning.metrics.explicitness import Explicitness
from lr_lightning.metrics.factor_vae_score import FactorVAEScore
from lr_lightning.metrics.fairness import Fairness
from lr_lightning.metrics.gaussian_total_correlation import GaussianTotalCorrelation
from lr_lightning.metrics.gaussian_wasserstein_correlation import GaussianWassersteinCorrelation
from lr_lightning.metrics.infomec import InfoMEC
from lr_lightning.metrics.interventional_robustness_score import InterventionalRobustnessScore
from lr_lightning.metrics.joint_entropy_gap import JointEntropyMinusMutualInformationGap
from lr_lightning.metrics.kl_per_latent import KLPerLatent
from lr_lightning.metrics.mean_correlation_coefficient import MeanCorrelationCoefficient
from lr_lightning.metrics.med import MED
from lr_lightning.metrics.mig_sup import MIGSup
from lr_lightning.metrics.modularity import Modularity
from lr_lightning.metrics.mutual_information_gap import MutualInformationGap
from lr_lightning.metrics.pairwise_mutual_information import PairwiseMutualInformation
from lr_lightning.metrics.robust_mutual_information_gap import RobustMutualInformationGap
from lr_lightning.metrics.sample_efficiency import SampleEfficiency
from lr_lightning.metrics.separated_attribute_predictability import SeparatedAttributePredictability
from lr_lightning.metrics.strong_generalization import StrongGeneralization

METRICS: Mapping[str, Callable[..., DisentanglementMetric]] = {
    "beta_vae_score": BetaVAEScore,
    "beta_vae_score_standardized": partial(BetaVAEScore, standardize=True),
    "factor_vae_score": FactorVAEScore,
    "mig": MutualInformationGap,
    "rmig": RobustMutualInformationGap,
    "jemmig": JointEntropyMinusMutualInformationGap,
    "mig_sup": MIGSup,
    "dcimig": DCIMIG,
    "sap_linear_svc": partial(SeparatedAttributePredictability, predictor="linear_svc"),
    "sap_linear_svc_standardized": partial(SeparatedAttributePredictability, predictor="linear_svc", standardize=True),
    "sap_r2": partial(SeparatedAttributePredictability, predictor="r2"),
    "sap_tree": partial(SeparatedAttributePredictability, predictor="tree"),
    "dci_lightgbm": partial(DCI, estimator="lightgbm"),
    "dci_gbt": partial(DCI, estimator="gbt"),
    "dci_forest": partial(DCI, estimator="forest"),
    "dci_lasso": partial(DCI, estimator="lasso"),
    "dci_logistic": partial(DCI, estimator="logistic"),
    "modularity": Modularity,
    "explicitness": Explicitness,
    "irs": InterventionalRobustnessScore,
    "infomec": InfoMEC,
    "med": MED,
    "mcc_pearson": partial(MeanCorrelationCoefficient, correlation="pearson"),
    "mcc_spearman": partial(MeanCorrelationCoefficient, correlation="spearman"),
    "dci_es": DCIES,
    "gaussian_total_correlation": GaussianTotalCorrelation,
    "gaussian_wasserstein_correlation": GaussianWassersteinCorrelation,
    "pairwise_mutual_information": PairwiseMutualInformation,
    "active_units": ActiveUnits,
    "kl_per_latent": KLPerLatent,
    "elbo_decomposition": ELBODecomposition,
    "sample_efficiency": SampleEfficiency,
    "fairness": Fairness,
    "strong_generalisation": StrongGeneralization,
}
"""Constructors of all metrics of one model, with the parameters of the study of Locatello et al. (2019)."""

_DOWNSTREAM = ("sample_efficiency", "fairness", "strong_generalisation")
_UNSUPERVISED = (
    "gaussian_total_correlation",
    "gaussian_wasserstein_correlation",
    "pairwise_mutual_information",
    "active_units",
    "kl_per_latent",
    "elbo_decomposition",
)
_STANDARDIZED = ("beta_vae_score_standardized", "sap_linear_svc_standardized")
_SLOW = ("dci_gbt", "dci_forest", "dci_logistic", "dci_es", *_DOWNSTREAM)

GROUPS: Mapping[str, tuple[str, ...]] = {
    "all": tuple(METRICS),
    "default": tuple(name for name in METRICS if name not in (*_SLOW, *_STANDARDIZED)),
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
    "unsupervised": _UNSUPERVISED,
    "downstream": _DOWNSTREAM,
    "dci": ("dci_lightgbm",),
    "sap": ("sap_linear_svc", "sap_r2", "sap_tree"),
    "mcc": ("mcc_pearson", "mcc_spearman"),
}
"""Metrics that one name stands for.

``default``: all that are done within a minute and a half at the study's sizes, without their chance and ceilings, but
for the variants of two scores that do not depend on the scale of the codes. ``fast``: a second or two together, for
use in validation. ``study``: as Locatello et al. (2019), with their exact estimators, minutes.
"""


ALIASES: Mapping[str, tuple[str, ...]] = {
    "beta_vae_sklearn": ("beta_vae_score",),
    "beta_vae_metric": ("beta_vae_score",),
    "factor_vae_metric": ("factor_vae_score",),
    "sap_score": ("sap_linear_svc",),
    "modularity_explicitness": ("modularity", "explicitness"),
    "unsupervised_metrics": (
        "gaussian_total_correlation",
        "gaussian_wasserstein_correlation",
        "pairwise_mutual_information",
    ),
    "downstream_task": ("sample_efficiency",),
    "strong_downstream_task": ("strong_generalisation",),
    "strong_generalization": ("strong_generalisation",),
    "mutual_information_gap": ("mig",),
    "separated_attribute_predictability": ("sap_linear_svc",),
    "interventional_robustness_score": ("irs",),
    "3charm": ("dcimig",),
}
"""Metrics by the names that they have elsewhere: in disentanglement_lib (which calls ``dci``, ``mig``, ``irs`` and
``fairness`` as we do), in other spelling, or in full. Scores have the names of :data:`METRICS`."""


def make_metrics(names: Iterable[str]) -> dict[str, DisentanglementMetric]:
    """Return the metrics that ``names`` stand for, each once, in order.

    Args:
        names: Names of :data:`METRICS`, :data:`GROUPS` or :data:`ALIASES`.

    Raises:
        ValueError: If a name is unknown, or ``names`` is a single text.

    Example:
        >>> list(make_metrics(["sap", "mig", "sap_r2"]))
        ['sap_linear_svc', 'sap_r2', 'sap_tree', 'mig']
    """
    if isinstance(names, str):
        raise ValueError(f"metrics must be a list of names, got the single text {names!r}")
    made: dict[str, DisentanglementMetric] = {}
    for name in names:
        if name not in METRICS and name not in GROUPS and name not in ALIASES:
            raise ValueError(f"there is no metric {name!r}; {_closest(name)}")
        for single in GROUPS.get(name, ALIASES.get(name, (name,))):
            made.setdefault(single, METRICS[single]())
    return made


def without_factors(names: Iterable[str]) -> list[str]:
    """Return those metrics of ``names``, groups resolved, that need no factors."""
    return [name for name, metric in make_metrics(names).items() if not metric.needs_factors]


def _closest(name: str) -> str:
    close = get_close_matches(name, [*METRICS, *GROUPS, *ALIASES], n=1)
    known = f"there are {', '.join(METRICS)}, and the groups {', '.join(GROUPS)}"
    return f"did you mean {close[0]}?" if close else known
