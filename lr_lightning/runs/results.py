"""Reads the results of a run: scalars and scores."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lr_lightning.callbacks.run.run_record import RESULTS
from lr_lightning.common.checks import one_line
from lr_lightning.loggers.metrics_file import METRICS_FILE, logged_values, read_metrics
from lr_lightning.metrics.score_files import row_of_json
from lr_lightning.metrics.score_table import ScoreRow
from lr_lightning.runs.scores import RunScore, Scores
from lr_lightning.training.member_statistics import seed_name

if TYPE_CHECKING:
    import pandas as pd

_TABLE = re.compile(r"(?:seed_(?P<seed>\d+)-)?(?P<assay>.+)-(?P<moment>step(?P<step>\d+)|validate|test)\.json")


@dataclass(frozen=True)
class Evaluation:
    """The results of one validation or test.

    Attributes:
        stage: ``"validate"`` or ``"test"``.
        checkpoint: The checkpoint that was evaluated.
        step: Its training step.
        seconds: Wall time.
        scalars: All scalars, NaN where undefined.
        scores: Disentanglement scores.
    """

    stage: str
    checkpoint: Path
    step: int
    seconds: float
    scalars: dict[str, float]
    scores: Scores

    @classmethod
    def of(cls, folder: Path, stage: str, checkpoint: Path) -> "Evaluation":
        """Return the last evaluation of the run in a folder."""
        record = read_results(folder)[stage]
        scores = scores_of(folder, stage, record)
        return cls(stage, checkpoint, record["step"], record["seconds"], scalars_of(record), scores)


def read_results(folder: Path) -> dict[str, Any]:
    """Return ``results.json`` of a run folder: one entry for each command, ``"fit"``, ``"validate"`` or ``"test"``.

    The entries are in the order in which the commands ran; there are none if the run has not ended.

    Raises:
        ValueError: If the file is damaged.
    """
    path = folder / RESULTS
    try:
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        _check_results(results)
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not a readable record of a run ({error})") from error
    return results


def read_history(folder: Path) -> "pd.DataFrame":
    """Return ``metrics.csv`` of a run folder, one row per step: values logged at the same step are joined.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    import pandas as pd

    path = folder / METRICS_FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist; exported models have no history, nor have runs with loggers of your own"
        )
    content = read_metrics(path)
    rows = [{"step": int(row["step"])} | logged_values(row) for row in content.rows]
    return pd.DataFrame(rows, columns=content.columns).groupby("step").last()


def _check_results(results: Any) -> None:
    """Raise ``ValueError`` unless the content of ``results.json`` has the types that its readers expect."""
    if not isinstance(results, dict):
        raise ValueError(f"it contains a {type(results).__name__}, not one entry for each command")
    for stage, record in results.items():
        if not isinstance(record, dict):
            raise ValueError(f"{stage} is a {type(record).__name__}, not a record")
        scalars = record.get("scalars", {})
        if not isinstance(scalars, dict):
            raise ValueError(f"{stage}.scalars is a {type(scalars).__name__}, not a mapping")
        wrong = [key for key, value in scalars.items() if value is not None and type(value) not in (int, float)]
        if wrong:
            raise ValueError(f"{stage}.scalars.{wrong[0]} is {scalars[wrong[0]]!r:.40}, not a number")


def scalars_of(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the scalars of one entry of ``results.json``, NaN where they are undefined."""
    return {key: math.nan if value is None else float(value) for key, value in record.get("scalars", {}).items()}


def scores_of(folder: Path, stage: str, record: Mapping[str, Any]) -> Scores:
    """Return the disentanglement scores of training, a validation or a test.

    In training, each validation computes some of them: the latest value of each counts, as for its scalars. Tables of
    earlier evaluations stay in the folder; only scores that the record has as scalars are returned. The record of an
    exported model contains its scores.

    Args:
        folder: The run folder.
        stage: ``"fit"``, ``"validate"`` or ``"test"``.
        record: The entry of ``stage`` in ``results.json``.

    Raises:
        ValueError: If the scores in the record are malformed.
    """
    if "scores" in record:
        return Scores(tuple(_exported_scores(folder, stage, record["scores"])))
    latest: dict[tuple[Any, str], RunScore] = {}
    for member, step, row in _rows(folder, stage):
        group = "" if member is None else f"{seed_name(member)}/"
        reached = record["step"] if step is None else step
        # a run that was killed after it had been trained further has later tables
        if f"{group}metric/{row.metric}/{row.variant}" in record["scalars"] and reached <= record["step"]:
            seed = record.get("seed") if member is None else member
            latest[seed, row.name] = RunScore(seed, stage, reached, row)
    return Scores(tuple(latest.values()))


def scores_at(folder: Path, step: int) -> Scores:
    """Return the scores that the validation at one step of the training in ``folder`` computed."""
    found = {
        (member, row.name): RunScore(member, "fit", at, row) for member, at, row in _rows(folder, "fit") if at == step
    }
    return Scores(tuple(found.values()))


def _exported_scores(folder: Path, stage: str, scores: Any) -> Iterator[RunScore]:
    """Yield the scores in the record of an exported model."""
    try:
        for values in scores:
            yield RunScore(values["seed"], stage, int(values["step"]), row_of_json(values))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder / RESULTS} has malformed scores in {stage} ({one_line(error)})") from error


def _rows(folder: Path, stage: str) -> Iterator[tuple[int | None, int | None, ScoreRow]]:
    """Yield seed of the member, step and row of all score tables of a stage, the latest last."""
    tables = [(_TABLE.fullmatch(path.name), path) for path in (folder / "assays").glob("*.json")]
    own = [
        (name, path) for name, path in tables if name and (name["moment"] == stage or (stage == "fit" and name["step"]))
    ]
    for name, path in sorted(own, key=lambda table: (int(table[0]["step"] or 0), table[1].stat().st_mtime_ns)):
        for row in json.loads(path.read_text()):
            yield (
                None if name["seed"] is None else int(name["seed"]),
                None if name["step"] is None else int(name["step"]),
                row_of_json(row),
            )
