"""Chance levels and ceilings of metrics, computed once if they do not depend on the codes."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cache
from typing import Literal, NamedTuple, Protocol, TypeAlias

from lr_lightning.metrics.core.chance_and_ceiling import ceilings, chance_of_noise, chance_of_shuffles
from lr_lightning.metrics.core.reference_codes import values_of_latents
from lr_lightning.metrics.core.result import MetricResult
from lr_lightning.metrics.core.sample import Sample

LevelChoice: TypeAlias = Literal["all", "cheap", "none"]
LEVEL_CHOICES = ("all", "cheap", "none")


class Measurable(Protocol):
    """The measured metric with its parameters; see :class:`.DisentanglementMetric`."""

    @property
    def refits(self) -> bool:
        """Whether it fits predictors or draws many batches."""

    @property
    def num_chance_draws(self) -> int:
        """Draws that chance is the mean over."""

    def score(self, sample: Sample) -> MetricResult:
        """Return the result on ``sample``."""


class Levels(NamedTuple):
    """Chance and ceiling of the scores of a metric by their names, NaN where undefined."""

    chance: dict[str, float]
    ceiling: dict[str, float]


class LevelCache:
    """Measures chance and ceilings, and keeps what depends only on factors, sizes and parameters.

    A ceiling is that of a perfect code of the same factors, whatever the codes. Chance of a metric that fits predictors
    is that of noise of as many latents, so that in training the fits are made at the first validation alone; any other
    metric is run on the codes at hand, shuffled.

    Args:
        size: Number of entries to keep, the latest used.
    """

    def __init__(self, size: int = 4096) -> None:
        self._known: OrderedDict[Hashable, dict[str, float]] = OrderedDict()
        self._size = size

    def levels(self, metric: Measurable, result: MetricResult, sample: Sample) -> Levels:
        """Return the levels of ``metric``, whose ``result`` for ``sample`` identifies it by its parameters."""
        key = (type(metric), repr(sorted(result.parameters.items())), *_fingerprint(sample))
        # no score of a predictor falls with constant latents, and to fit it once is dear enough
        alone = not metric.refits
        ceiling = self._once(("ceiling", key), lambda: ceilings(metric.score, sample, try_without_spare=alone))
        if not metric.refits:
            return Levels(chance_of_shuffles(metric.score, sample, metric.num_chance_draws), ceiling)
        values = values_of_latents(sample)
        chance = self._once(
            ("chance", key, values), lambda: chance_of_noise(metric.score, sample, metric.num_chance_draws)
        )
        return Levels(chance, ceiling)

    def _once(self, key: Hashable, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
        if key not in self._known:
            self._known[key] = measure()
            if len(self._known) > self._size:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]


@cache
def cache_of_the_process() -> LevelCache:
    """Return a cache that all runs in this process share: runs of a study mostly have the same factors and sizes."""
    return LevelCache()


def _fingerprint(sample: Sample) -> tuple[Hashable, ...]:
    """Return a key of the factors and sizes of a sample, computed once per sample."""

    def compute() -> str:
        digest = hashlib.blake2b(digest_size=16)
        for table in (sample.factors, sample.test_factors, sample.pool[1], sample.test_pool[1]):
            digest.update(repr(table.shape).encode())
            digest.update(table.tobytes())
        return digest.hexdigest()

    return sample.shared("digest of the factors", compute), sample.seed, sample.latent_dim
