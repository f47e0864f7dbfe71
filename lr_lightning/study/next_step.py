"""The commands that go on with a study."""

from pathlib import Path

from lr_lightning.common.files import quoted_path
from lr_lightning.study.layout import STUDIES


def study_command(name: str, study: str | Path, root: Path) -> str:
    """Return a command on a study, to be typed in the same folder.

    Args:
        name: Name of the subcommand, with options, e.g. ``"retry --all"``.
        study: Name or file of the study.
        root: Folder of all studies.
    """
    subcommand, *options = name.split()
    elsewhere = [] if root == STUDIES else ["--root", quoted_path(root)]
    return " ".join(["lr-lightning study", subcommand, quoted_path(Path(study)), *options, *elsewhere])


def after_the_end(study: str | Path, root: Path) -> str:
    """Return what to do with a study that has no failures and is done, as one line."""
    table, report = (study_command(name, study, root) for name in ("table", "report --out report"))
    return f"next: {table}, or {report}"
