"""Modularity, explicitness and compactness by normalised information, over batches and processes."""

from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.checks import check_at_least
from lr_lightning.metrics.functional.infomec import infomec
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class InfoMEC(DisentanglementMetric):
    """Modularity, explicitness and compactness by normalised information; see :func:`.functional.infomec`.

    Args:
        num_neighbours: Neighbours of the estimate of information.
        min_range: Latents count whose range is above this share of the largest range.
        discrete_latents: Whether latents take few values.
        mask_uninformative: Whether to leave out latents and factors with no more information than shuffled rows give.
        max_iter: Iterations of the regression.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``num_neighbours < 1``, ``min_range < 0`` or ``max_iter < 1``.
    """

    metric: ClassVar[str] = "infomec"
    higher_is_better = True
    refits = True
    num_chance_draws = 3

    def __init__(
        self,
        num_neighbours: int = 10,
        min_range: float = 0.05,
        discrete_latents: bool = False,
        mask_uninformative: bool = False,
        max_iter: int = 100,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_at_least("num_neighbours", num_neighbours, 1)
        check_at_least("min_range", min_range, 0)
        check_at_least("max_iter", max_iter, 1)
        self.num_neighbours, self.min_range, self.max_iter = num_neighbours, min_range, max_iter
        self.discrete_latents, self.mask_uninformative = discrete_latents, mask_uninformative

    @override
    def score(self, sample: Sample) -> MetricResult:
        return infomec(
            sample,
            num_neighbours=self.num_neighbours,
            min_range=self.min_range,
            discrete_latents=self.discrete_latents,
            mask_uninformative=self.mask_uninformative,
            max_iter=self.max_iter,
        )
