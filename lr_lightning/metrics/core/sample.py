"""Which rows of a code table a metric sees; drawn once, shared by all metrics."""

import warnings
import zlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lr_lightning.common.checks import NO_POSTERIORS, check_at_least, check_choice
from lr_lightning.metrics.core.checks import check_codes, check_factors

Floats = NDArray[np.floating]
Integers = NDArray[np.int64]
Codes: TypeAlias = Literal["mean", "sample"]
_T = TypeVar("_T")

CODES = ("mean", "sample")

STUDY_TRAIN, STUDY_TEST = 10_000, 5_000


@dataclass(frozen=True)
class Sampling:
    """Which rows of a code table to train and to test on.

    Args:
        num_train: Rows to fit or count on. ``None``: 10,000 as in the study of Locatello et al. (2019), or two thirds
            of the table where it has less than 15,000 rows.
        num_test: Rows held out. ``None``: 5,000, or the other third.
        order: ``"random"``: rows drawn without replacement; the draw does not depend on the order of the table.
            ``"first"``: the first ``num_train`` rows and the ``num_test`` after them.
        seed: Seed of the draw of rows, of posterior samples, and of all draws inside the metric.
        codes: ``"mean"``: score posterior means. ``"sample"``: score one sample from the posterior of each row, which
            needs log-variances. Metrics of whole posteriors have means and log-variances either way, and which latents
            are active is decided by the means. Each of several repeats draws its own samples.

    Raises:
        ValueError: If a number is below its least (2 rows to train, 0 to test), or ``order`` or ``codes`` is unknown.
    """

    num_train: int | None = None
    num_test: int | None = None
    order: Literal["random", "first"] = "random"
    seed: int = 0
    codes: Codes = "mean"

    def __post_init__(self) -> None:
        if self.num_train is not None:
            check_at_least("num_train", self.num_train, 2)
        if self.num_test is not None:
            check_at_least("num_test", self.num_test, 0)
        check_at_least("seed", self.seed, 0)
        check_choice("order", self.order, ("random", "first"))
        check_choice("codes", self.codes, CODES)

    def sizes(self, num_samples: int) -> tuple[int, int]:
        """Return the numbers of rows to train and to test on, of a table with ``num_samples`` rows.

        Raises:
            ValueError: If the table has too few rows.
        """
        if self.num_train is None and self.num_test is None:
            if num_samples >= STUDY_TRAIN + STUDY_TEST:
                return STUDY_TRAIN, STUDY_TEST
            return num_samples - num_samples // 3, num_samples // 3
        num_train = self.num_train
        if num_train is None:
            num_train = min(STUDY_TRAIN, num_samples - (self.num_test or 0))
        num_test = min(STUDY_TEST, num_samples - num_train) if self.num_test is None else self.num_test
        if num_train < 2 or num_test < 0 or num_train + num_test > num_samples:
            raise ValueError(
                f"num_train={self.num_train} and num_test={self.num_test} exceed the {num_samples} rows given"
            )
        return num_train, num_test


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows of a code table, ready for any metric; made by :func:`draw`.

    Attributes:
        codes: Codes to fit or count on, ``(N, D)``, floating point as given.
        factors: Their factors ``(N, K)`` int64, values renumbered ``0 ... V_k - 1``.
        test_codes: Codes held out, ``(M, D)``.
        test_factors: Their factors ``(M, K)``.
        pool: Codes and factors from which metrics draw groups that share a factor, for training: the whole table, or
            the rows to train on if the order is ``"first"`` or the sample is one of several repeats.
        test_pool: The same for testing: the whole table, or in these cases the rows held out.
        rows: Which rows of ``pool`` the rows to train on are, and which of ``test_pool`` those held out.
        log_variances: Logarithms of the posterior variances of ``codes``, ``(N, D)``; ``None`` if not known, or if
            the codes are samples from the posteriors.
        factor_sizes: Number of values of each factor in the table.
        active: Latents ``(D,)`` bool whose means have a variance over the table above .01.
        seed: Seed of the draw.
        is_repeat: Whether it is one of several repeats over a table that is a sample, see :meth:`as_repeat`.
        kind: Whether the codes are posterior means or samples.
    """

    codes: Floats
    factors: Integers
    test_codes: Floats
    test_factors: Integers
    pool: tuple[Floats, Integers]
    test_pool: tuple[Floats, Integers]
    rows: tuple[Integers, Integers]
    log_variances: Floats | None
    factor_sizes: tuple[int, ...]
    active: NDArray[np.bool_]
    seed: int
    is_repeat: bool = False
    kind: Codes = "mean"
    _shared: dict[Hashable, object] = field(default_factory=dict, repr=False)

    def __getstate__(self) -> dict[str, object]:
        """Exclude shared results: they contain functions, which cannot be pickled, and are recomputed if needed."""
        return {**self.__dict__, "_shared": {}}

    @property
    def latent_dim(self) -> int:
        """Number of latents ``D``."""
        return int(self.codes.shape[1])

    @property
    def num_factors(self) -> int:
        """Number of factors ``K``."""
        return int(self.factors.shape[1])

    @property
    def varying_factors(self) -> list[int]:
        """Factors with more than one value among the rows to train on; no metric is defined on the others."""
        return [k for k in range(self.num_factors) if len(np.unique(self.factors[:, k])) > 1]

    def random(self, purpose: str) -> np.random.Generator:
        """Return a new source of random numbers that depends on the seed and ``purpose`` alone."""
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])

    def shared(self, key: Hashable, compute: Callable[[], _T]) -> _T:
        """Return the result of ``compute``, called only once for each ``key``, so that metrics share it."""
        if key not in self._shared:
            self._shared[key] = compute()
        return self._shared[key]  # type: ignore[return-value]

    def as_repeat(self) -> "Sample":
        """Return the sample with its rows as pools: with the whole table as pool, repeats would not vary with rows."""
        train, test = (self.codes, self.factors), (self.test_codes, self.test_factors)
        rows = (np.arange(len(self.codes)), np.arange(len(self.test_codes)))
        return replace(self, pool=train, test_pool=test, rows=rows, is_repeat=True, _shared={})

    def only_latents(self, kept: NDArray[np.bool_]) -> "Sample":
        """Return the sample with the latents for which ``kept`` (D,) is true.

        Raises:
            ValueError: If none is kept.
        """
        if not kept.any():
            raise ValueError("no latent is active: the codes hardly vary over the data")
        return replace(
            self,
            codes=self.codes[:, kept],
            test_codes=self.test_codes[:, kept],
            pool=(self.pool[0][:, kept], self.pool[1]),
            test_pool=(self.test_pool[0][:, kept], self.test_pool[1]),
            log_variances=None if self.log_variances is None else self.log_variances[:, kept],
            active=self.active[kept],
            _shared={},
        )


def draw(
    codes: Tensor, factors: Tensor | None, sampling: Sampling | None = None, log_variances: Tensor | None = None
) -> Sample:
    """Draw the rows that metrics see from a code table.

    Args:
        codes: Codes, shape ``(N, D)``, floating point; posterior means for a variational model.
        factors: Index of each factor's value, shape ``(N, K)``, integer; ``None`` for scores without supervision, which
            gives a sample with ``K = 0``.
        sampling: Which rows; the study's by default.
        log_variances: Logarithms of the posterior variances, shape ``(N, D)``; needed to score samples.

    Returns:
        The rows. Pass them to any metric in place of ``codes``, so that shared intermediate results are computed once.

    Raises:
        ValueError: If a shape or type is wrong, codes or log-variances are not finite, there are too few rows, or
            samples are to be scored without log-variances.

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(5))
        >>> sample = draw(factors.float(), factors, Sampling(num_train=12, num_test=8))
        >>> sample.codes.shape, sample.test_codes.shape, sample.factor_sizes
        ((12, 2), (8, 2), (4, 5))
    """
    sampling = sampling or Sampling()
    table = check_codes(codes)
    labels = np.empty((len(table), 0), dtype=np.int64) if factors is None else check_factors(factors, len(table))
    variances = None
    if log_variances is not None:
        variances = check_codes(log_variances, "log_variances")
        if variances.shape != table.shape:
            raise ValueError(f"log_variances must have the shape of codes {table.shape}, got {variances.shape}")
    if sampling.codes == "sample" and variances is None:
        raise ValueError(NO_POSTERIORS)
    num_train, num_test = sampling.sizes(len(table))
    columns = [np.unique(column, return_inverse=True) for column in labels.T]
    labels = np.stack([inverse for _, inverse in columns], axis=1) if columns else labels
    if sampling.order == "first":
        order = np.arange(num_train + num_test)
    else:
        canonical = _canonical_order(table, labels)
        table, labels = table[canonical], labels[canonical]
        variances = None if variances is None else variances[canonical]
        order = np.random.default_rng([sampling.seed, 0]).permutation(len(table))[: num_train + num_test]
    train, test = order[:num_train], order[num_train:]
    active = table.var(axis=0, dtype=np.float64) > 0.01  # of the means: samples of unused latents have variance 1
    if sampling.codes == "sample":
        # drawn in the canonical order of rows, so that neither the order of the table nor processes matter
        table, variances = _posterior_samples(table, variances, sampling.seed), None
    whole = (table, labels)
    return Sample(
        codes=table[train],
        factors=labels[train],
        test_codes=table[test],
        test_factors=labels[test],
        pool=(table[train], labels[train]) if sampling.order == "first" else whole,
        test_pool=(table[test], labels[test]) if sampling.order == "first" else whole,
        rows=(np.arange(num_train), np.arange(num_test)) if sampling.order == "first" else (train, test),
        log_variances=None if variances is None else variances[train],
        factor_sizes=tuple(len(values) for values, _ in columns),
        active=active,
        seed=sampling.seed,
        kind=sampling.codes,
    )


def as_sample(
    codes: Tensor | Sample,
    factors: Tensor | None,
    sampling: Sampling | None,
    log_variances: Tensor | None = None,
    *,
    factors_needed: bool = True,
    means_needed: bool = False,
) -> Sample:
    """Return ``codes`` if they are already a sample, otherwise a sample drawn from the table.

    Args:
        codes: As for :func:`draw`, or its result.
        factors: As there.
        sampling: As there.
        log_variances: As there.
        factors_needed: Whether the metric compares codes with factors.
        means_needed: Whether it is defined by posterior means, and possibly by log-variances, not by samples.

    Raises:
        ValueError: As :func:`draw`; also if factors are needed and missing or given with a sample, or if means are
            needed and the codes are samples.
    """
    kind = codes.kind if isinstance(codes, Sample) else (sampling or Sampling()).codes
    if means_needed and kind == "sample":
        raise ValueError("this metric is defined by posterior means; draw its rows with codes='mean', got 'sample'")
    if isinstance(codes, Sample):
        if factors is not None or sampling is not None or log_variances is not None:
            raise ValueError("a Sample has its factors, log_variances and sampling already; give it alone")
        if factors_needed and not codes.num_factors:
            raise ValueError("the sample has no factors: draw(codes, factors) with factors (N, K)")
        return codes
    if factors_needed and factors is None:
        raise ValueError("factors are missing: give codes (N, D) and factors (N, K)")
    return draw(codes, factors, sampling, log_variances)


def warn_of_constant_factors(sample: Sample) -> None:
    """Warn, once for each set of rows, of factors with one value only: their parts are NaN and not averaged."""
    constant = sorted(set(range(sample.num_factors)) - set(sample.varying_factors))
    if constant:
        sample.shared("warned of constant factors", lambda: _warn(constant))


def _warn(constant: list[int]) -> bool:
    names = ", ".join(map(str, constant))
    warnings.warn(f"factors {names} take one value only; they are left out and their parts are NaN", stacklevel=6)
    return True


def _posterior_samples(means: Floats, log_variances: Floats | None, seed: int) -> Floats:
    """Return one sample (N, D) from the posterior of each row."""
    assert log_variances is not None
    noise = np.random.default_rng([seed, zlib.crc32(b"posterior samples")]).standard_normal(means.shape)
    samples: Floats = (means + np.exp(log_variances / 2) * noise).astype(means.dtype)
    return samples


def _canonical_order(table: Floats, labels: Integers) -> Integers:
    """Return an order of the rows that does not depend on how they or the latents were ordered.

    Processes that share a data set hold it in another order than one process; draws must not depend on that.
    """
    values = np.ascontiguousarray(table, dtype=np.float64) + 0.0  # one layout, and one zero
    sums = np.sort(values, axis=1).sum(axis=1)
    groups = list(labels.T[::-1])
    order: Integers = np.lexsort([sums, *groups])
    tied = (np.diff(sums[order]) == 0) & (np.diff(labels[order], axis=0) == 0).all(axis=1)
    before, after = order[:-1][tied], order[1:][tied]
    if (values[before] != values[after]).any():
        # Different rows have one sum, as codes of few values have: order them by their codes, in an order of the
        # latents that does not depend on theirs either.
        latents = sorted(range(values.shape[1]), key=lambda j: values[np.lexsort([values[:, j], *groups]), j].tobytes())
        order = np.lexsort([*values.T[latents], sums, *groups])
    return order
