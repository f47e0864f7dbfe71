"""What W&B was given besides scalars, in a file of the run folder, so that a later start can log it again."""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from lr_lightning.common.files import write_atomically

MEDIA_FILE = "wandb_media.jsonl"


class LoggedMedia(NamedTuple):
    """A figure or a table that was logged.

    Attributes:
        row: W&B's ``_step`` of it.
        step: Training step of it.
        key: Its key.
        figure: File of a figure, relative to the run folder; ``None`` for a table.
        columns: Names of a table's columns.
        data: Its rows.
    """

    row: int
    step: int
    key: str
    figure: str | None = None
    columns: Sequence[str] = ()
    data: Sequence[Sequence[float | str]] = ()


def append_media(path: Path, media: LoggedMedia) -> None:
    """Add a line to ``path``."""
    with path.open("a") as file:
        file.write(_line(media))


def read_media(path: Path) -> list[LoggedMedia]:
    """Return all lines of ``path``, none if there is no file; what a killed process left of a line is left out."""
    content = path.read_bytes().decode(errors="replace") if path.is_file() else ""
    media = []
    for line in content.splitlines():
        with suppress(ValueError, TypeError):  # no JSON, or not all of it
            media.append(LoggedMedia(**json.loads(line)))
    return media


def write_media(path: Path, media: Sequence[LoggedMedia]) -> None:
    """Let ``path`` hold ``media`` alone."""
    content = "".join(map(_line, media)).encode()
    write_atomically(path, lambda file: file.write(content))


def _line(media: LoggedMedia) -> str:
    return json.dumps(media._asdict(), default=float) + "\n"
