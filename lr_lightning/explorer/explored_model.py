"""What the explorer shows: a model, codes of its data, and the scores of its run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from torch import Tensor

from lr_lightning.assays.protocol import Autoencoder
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.metrics.score_table import ScoreRow

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the name of a step, the amount done and the total."""


class ExploredScore(NamedTuple):
    """A score of the model.

    Attributes:
        row: The score with its levels.
        caution: Why it may not describe this model; empty if nothing is known.
    """

    row: ScoreRow
    caution: str = ""


@dataclass(frozen=True, eq=False)
class ExploredModel:
    """A model and what is known of it. All tensors are on the CPU.

    Attributes:
        autoencoder: The model; left unchanged.
        title: Heading of the page.
        subtitle: Network, number of latents and the like.
        codes: Posterior means of observations, or codes of a deterministic model, ``(N, D)``; ``None`` if there are no
            data.
        log_variances: Log-variances of the posteriors ``(N, D)``; ``None`` for a deterministic model.
        factors: Factor values of the same observations ``(N, K)`` int64; ``None`` without labels.
        dataset: The data set that examples are drawn from; ``None`` if there is none.
        observations: Observations ``(n, ...)`` to use as examples if there is no data set; ``None`` if there are none.
        scores: Scores of the model.
        cautions: Sentences on why scores may not be trustworthy.
        notes: Sentences on what the page lacks.
    """

    autoencoder: Autoencoder
    title: str
    subtitle: str = ""
    codes: Tensor | None = None
    log_variances: Tensor | None = None
    factors: Tensor | None = None
    dataset: FactorDataset | None = None
    observations: Tensor | None = None
    scores: Sequence[ExploredScore] = ()
    cautions: Sequence[str] = ()
    notes: Sequence[str] = ()
