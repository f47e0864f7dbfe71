"""The table at the end of a search."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lr_lightning.study.search.definition import SearchDefinition
from lr_lightning.study.search.tuning import Trial


def search_table(definition: SearchDefinition, trials: Sequence[Trial]) -> None:
    """Print a row for each trial, in their order."""
    table = Table(title=f"{definition.name}: {definition.mode} of {definition.monitor}")
    for column in ("trial", *definition.space, definition.monitor.rpartition("/")[2], "step", "state"):
        table.add_column(Text(column))
    for trial in trials:
        values = [_text(trial.parameters.get(key)) for key in definition.space]
        state = f"{trial.state}: {trial.sentence}" if trial.sentence else trial.state
        cells = (trial.folder.name, *values, _text(trial.value), f"{trial.step:,}", state)
        table.add_row(*map(Text, cells))
    Console().print(table)


def _text(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
