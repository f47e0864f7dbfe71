"""The disentanglement scores of a run, as a table."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console

from lr_lightning.metrics.score_report import score_report
from lr_lightning.metrics.score_table import ScoreRow
from lr_lightning.training.member_statistics import seed_name

if TYPE_CHECKING:
    import pandas

_WIDTH = 100
_NUMBERS = ("value", "standard_error", "ceiling", "chance", "low", "high")


class RunScore(NamedTuple):
    """A score of a run.

    Attributes:
        seed: Seed of the model; ``None`` if the run was not seeded.
        stage: The command that computed it: ``"fit"``, ``"validate"`` or ``"test"``.
        step: Training step of the weights.
        row: The score, with its levels and its standard error.
    """

    seed: int | None
    stage: str
    step: int
    row: ScoreRow


@dataclass(frozen=True, repr=False)
class Scores:
    """Scores of a run: one for each seed and name.

    Attributes:
        rows: The scores.
    """

    rows: tuple[RunScore, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[RunScore]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> float:
        """Return the value of the score called ``name``, such as ``"mig"``.

        Raises:
            KeyError: If there is no such score, or one for each of several seeds.
        """
        found = [score.row.value for score in self.rows if score.row.name == name]
        if len(found) > 1:
            raise KeyError(f"{name!r} has {len(found)} values, one for each seed; to_pandas() returns all of them")
        if not found:
            known = ", ".join(dict.fromkeys(score.row.name for score in self.rows))
            raise KeyError(f"there is no score {name!r}; there are: {known or 'none'}")
        return found[0]

    def to_pandas(self) -> "pandas.DataFrame":
        """Return a data frame with the columns ``seed``, ``stage``, ``step`` and those of a score; unknown is NaN."""
        import pandas as pd

        columns = ["seed", "stage", "step", *ScoreRow._fields]
        frame = pd.DataFrame([(*score[:3], *score.row) for score in self.rows], columns=columns)
        return frame.astype(dict.fromkeys(_NUMBERS, float))

    def updated(self, later: "Scores") -> "Scores":
        """Return these scores with the values of ``later`` where both have one."""
        both = {(score.seed, score.row.name): score for score in (*self.rows, *later.rows)}
        return Scores(tuple(both.values()))

    def __repr__(self) -> str:
        if not self.rows:
            return "no scores"
        several = len({score.seed for score in self.rows}) > 1
        names = [f"{seed_name(score.seed or 0)}/{score.row.name}" if several else score.row.name for score in self.rows]
        rows = [score.row._replace(name=name) for score, name in zip(self.rows, names, strict=True)]
        stages = dict.fromkeys(f"{score.stage}, step {score.step:,}" for score in self.rows)
        console = Console(file=io.StringIO(), width=_WIDTH, color_system=None)
        with console.capture() as printed:
            console.print(score_report(rows, f"Scores ({'; '.join(stages)})"))
        return printed.get().strip("\n")

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        shown = ["seed", "stage", "step", "name", "value", "ceiling", "chance", "standard_error", "higher_is_better"]
        html: str = self.to_pandas()[shown].to_html(index=False, float_format=lambda value: f"{value:.3f}")
        return html
