"""Runs from Python: train, load, evaluate, and read results."""

from lr_lightning.explorer.notebook_page import ExplorerPage
from lr_lightning.runs.codes import RunCodes
from lr_lightning.runs.importing import import_model
from lr_lightning.runs.results import Evaluation
from lr_lightning.runs.run import Run, load_run
from lr_lightning.runs.scores import RunScore, Scores
from lr_lightning.runs.training import fit

__all__ = ["Evaluation", "ExplorerPage", "Run", "RunCodes", "RunScore", "Scores", "fit", "import_model", "load_run"]
