"""Disentanglement scores as torchmetrics classes, and the suite that runs many of them on one code table."""

from lr_lightning.metrics.active_units import ActiveUnits
from lr_lightning.metrics.base import CodeTableMetric, DisentanglementMetric
from lr_lightning.metrics.beta_vae_score import BetaVAEScore
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Sample, Sampling, draw
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
from lr_lightning.metrics.registry import ALIASES, GROUPS, METRICS, make_metrics
from lr_lightning.metrics.robust_mutual_information_gap import RobustMutualInformationGap
from lr_lightning.metrics.sample_efficiency import SampleEfficiency
from lr_lightning.metrics.score_table import ScoreRow, ScoreTable
from lr_lightning.metrics.separated_attribute_predictability import SeparatedAttributePredictability
from lr_lightning.metrics.strong_generalization import StrongGeneralization
from lr_lightning.metrics.suite import DisentanglementSuite

__all__ = [
    "ALIASES",
    "DCI",
    "DCIES",
    "DCIMIG",
    "GROUPS",
    "MED",
    "METRICS",
    "ActiveUnits",
    "BetaVAEScore",
    "CodeTableMetric",
    "DisentanglementMetric",
    "DisentanglementSuite",
    "ELBODecomposition",
    "Explicitness",
    "FactorVAEScore",
    "Fairness",
    "GaussianTotalCorrelation",
    "GaussianWassersteinCorrelation",
    "InfoMEC",
    "InterventionalRobustnessScore",
    "JointEntropyMinusMutualInformationGap",
    "KLPerLatent",
    "MIGSup",
    "MeanCorrelationCoefficient",
    "MetricResult",
    "Modularity",
    "MutualInformationGap",
    "PairwiseMutualInformation",
    "RobustMutualInformationGap",
    "Sample",
    "SampleEfficiency",
    "Sampling",
    "Score",
    "ScoreRow",
    "ScoreTable",
    "SeparatedAttributePredictability",
    "StrongGeneralization",
    "draw",
    "make_metrics",
]
