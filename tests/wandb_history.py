"""Reads W&B's files with W&B's own reader."""

import json
import subprocess
from pathlib import Path
from typing import Any

from wandb.util import get_core_path

OWN = ("_timestamp", "_runtime", "_wandb")
"""Keys that W&B adds to each row and that differ between runs."""


def history(part: Path) -> list[dict[str, Any]]:
    """Return the rows of the history in ``part``, the folder of one start of a run, without keys added by W&B."""
    [log] = part.glob("*.wandb")
    command = [
        get_core_path(),
        "leet",
        "inspect",
        "--no-observability",
        "--json",
        "--run-file",
        str(log),
        str(part.parent),
    ]
    lines = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    rows = [record["history"]["item"] for record in map(json.loads, lines) if record["type"] == "history"]
    return [{key: value for key, value in row.items() if not key.startswith(OWN)} for row in rows]


def parts(run_folder: Path) -> list[Path]:
    """Return the folders of the offline starts of a run, the first one first."""
    return sorted(run_folder.glob("wandb/offline-run-*"), key=lambda part: next(part.glob("*.wandb")).stat().st_ctime)
