"""Records figures, pages and tables logged to W&B in the run folder, so that a later start can log them again."""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from lr_lightning.common.files import write_atomically

MEDIA_FILE = "wandb_media.jsonl"


class LoggedMedia(NamedTuple):
    """A logged figure, page or table.

    Attributes:
        row: Its W&B ``_step``.
        step: Its training step.
        key: Its logged key.
        figure: Path of a figure, relative to the run folder; ``None`` for anything else.
        columns: Column names of a table.
        data: Rows of a table.
        page: Path of an HTML document, relative to the run folder; ``None`` for anything else.
    """

    row: int
    step: int
    key: str
    figure: str | None = None
    columns: Sequence[str] = ()
    data: Sequence[Sequence[float | str]] = ()
    page: str | None = None


def append_media(path: Path, media: LoggedMedia) -> None:
    """Append a line to ``path``."""
    with path.open("a") as file:
        file.write(_line(media))


def read_media(path: Path) -> list[LoggedMedia]:
    """Return all entries of ``path``, none if there is no file; incomplete lines are dropped."""
    content = path.read_bytes().decode(errors="replace") if path.is_file() else ""
    media = []
    for line in content.splitlines():
        with suppress(ValueError, TypeError):  # an incomplete line, left by a killed process
            media.append(LoggedMedia(**json.loads(line)))
    return media


def write_media(path: Path, media: Sequence[LoggedMedia]) -> None:
    """Replace the content of ``path`` by ``media``."""
    content = "".join(map(_line, media)).encode()
    write_atomically(path, lambda file: file.write(content))


def _line(media: LoggedMedia) -> str:
    return json.dumps(media._asdict(), default=float) + "\n"
