"""``lr_lightning.import_model``: a trained model of another project as a run."""

from pathlib import Path

from lr_lightning.commands.importing.run_folder import import_run
from lr_lightning.runs.isolation import run_isolated
from lr_lightning.runs.run import Run


def import_model(name: str, source: str | Path, folder: str | Path) -> Run:
    """Write a run folder with a trained model of another project, as ``lr-lightning import`` does, and return the run.

    Args:
        name: Name of the format, in ``lr_lightning.importers.IMPORTERS``.
        source: The file or folder that the project published; it is read, and nothing in it is executed.
        folder: The new run folder.

    Raises:
        FileExistsError: If ``folder`` exists, unless it is an empty folder.
        FileNotFoundError: If a file of the model is missing.
        ValueError: If there is no such format, or a file is damaged or has another format.
    """
    run_isolated(lambda: import_run(name, Path(source), Path(folder)), quiet=True)
    return Run(Path(folder).expanduser().absolute())
