"""The public names of :mod:`lr_lightning.metrics`, which are imported when one of them is first used."""

from lr_lightning.metrics.base import CodeTableMetric as CodeTableMetric
from lr_lightning.metrics.base import DisentanglementMetric as DisentanglementMetric
from lr_lightning.metrics.core.result import MetricResult as MetricResult
from lr_lightning.metrics.core.result import Score as Score
from lr_lightning.metrics.core.sample import Sample as Sample
from lr_lightning.metrics.core.sample import Sampling as Sampling
from lr_lightning.metrics.core.sample import draw as draw
from lr_lightning.metrics.function_metric import FunctionMetric as FunctionMetric
from lr_lightning.metrics.registry import *  # noqa: F403
from lr_lightning.metrics.score_table import ScoreRow as ScoreRow
from lr_lightning.metrics.score_table import ScoreTable as ScoreTable
from lr_lightning.metrics.suite import DisentanglementSuite as DisentanglementSuite
