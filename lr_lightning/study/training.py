"""Trains and evaluates one run of a study, as ``lr-lightning fit`` and ``lr-lightning test`` do."""

import json
from pathlib import Path
from typing import Any

import torch

from lr_lightning.callbacks.posteriors import is_deterministic
from lr_lightning.callbacks.run.provenance import versions
from lr_lightning.callbacks.run.run_record import RESULTS
from lr_lightning.commands.config.reading import read_config_file
from lr_lightning.commands.fit.members import LAST
from lr_lightning.commands.run.checkpoints import read_checkpoint
from lr_lightning.commands.run.folder import CONFIG
from lr_lightning.commands.run.lease import acquire
from lr_lightning.common.renamed_keys import with_current_names
from lr_lightning.runs import Run as TrainedRun
from lr_lightning.runs import fit
from lr_lightning.study.evaluation_file import EvaluationRecord, score_columns, write_evaluation
from lr_lightning.study.identity import differences, training_values
from lr_lightning.study.job import Job, Run
from lr_lightning.study.layout import (
    CELL_CONFIG,
    cell_folder,
    evaluation_path,
    failure_path,
    note_step,
    run_folder,
)
from lr_lightning.study.run_states import evaluated_at
from lr_lightning.study.udr_inputs import write_codes_of_inputs

NO_BAR = {"trainer.enable_progress_bar": False}
"""Values of all runs of studies, whose output goes to a file."""


def train_and_evaluate(job: Job, run: Run) -> None:
    """Do what is left of a run: train it, from its last checkpoint if there is one, evaluate it, and write its scores.

    Raises:
        FolderInUseError: If another process has it.
        LeaseLostError: If another process has taken it over.
        FloatingPointError: If its loss is not finite.
        ValueError: If its folder has a run with other values, such as one that another version has trained.
        Exception: Whatever ends training or evaluation.
    """
    folder = run_folder(job.root, *run)
    if evaluated_at(folder, job.evaluation) is None:
        torch.set_num_threads(job.threads)
        config = cell_folder(job.root, run.cell) / CELL_CONFIG
        check_same_training(folder, config)
        step = step_to_continue_from(folder)
        if step is None:  # such as a run that was trained together with others
            trained = TrainedRun(folder.absolute())
        else:
            note_step(folder, step)
            trained = fit(config, run_values(job, run), folder=folder, existing="resume")
        _evaluate_once(job, run, trained)
    failure_path(folder).unlink(missing_ok=True)


def _evaluate_once(job: Job, run: Run, trained: TrainedRun) -> None:
    """Evaluate a trained run, unless another process has done it by now.

    Raises:
        FolderInUseError: If another process is doing it.
    """
    path = evaluation_path(trained.folder, job.evaluation.digest)
    path.parent.mkdir(exist_ok=True)
    lease = acquire(path.parent)  # that of the run is free between the test and the moment its scores are written
    try:
        if evaluated_at(trained.folder, job.evaluation) is None:
            if job.evaluation.udr_inputs is not None:
                write_codes_of_inputs(trained, job.evaluation, job.evaluation.udr_inputs)
            write_evaluation(path, evaluate(job, run, trained))
    finally:
        lease.release()


def step_to_continue_from(folder: Path) -> int | None:
    """Return the step from which the training in a run folder continues; ``None`` if it has ended."""
    if not (folder / LAST).is_file() or not (folder / CONFIG).is_file():
        return 0
    step: int = read_checkpoint(folder / LAST)["global_step"]
    results = folder / RESULTS
    ended = results.is_file() and json.loads(results.read_text()).get("fit", {}).get("step") == step
    return None if ended else step


def run_values(job: Job, run: Run) -> dict[str, Any]:
    """Return the values that a run adds to the config of its cell."""
    return NO_BAR | {
        "seed_everything": run.seed,
        "wandb.mode": job.wandb,
        "wandb.group": job.study,
        "wandb.name": job.label(run),
        "wandb.config": dict(job.cells[run.cell].parameters) | {"seed": run.seed},
    }


def evaluate(job: Job, run: Run, trained: TrainedRun) -> EvaluationRecord:
    """Evaluate a trained run, and return its scores and scalars."""
    wanted = job.evaluation
    values: dict[str, Any] = NO_BAR | {"wandb.mode": job.wandb}
    # the code of a deterministic model is the only sample that there is
    if wanted.metrics and wanted.codes == "sample" and not is_deterministic(trained.model(wanted.checkpoint)):
        values["assays.disentanglement.codes"] = wanted.codes
    found = trained.test(wanted.checkpoint, metrics=wanted.metrics, assays=wanted.assays, values=values)
    record = trained.results["fit"]
    return EvaluationRecord(
        cell=run.cell,
        seed=run.seed,
        step=found.step,
        training_seconds=record["seconds"],
        evaluation_seconds=found.seconds,
        threads=torch.get_num_threads(),
        precision=str(record["config"]["trainer"]["precision"]),
        versions=versions(),
        scalars=found.scalars,
        validation=record["scalars"],
        scores=score_columns(score.row for score in found.scores),
    )


def check_same_training(folder: Path, cell_config: Path) -> None:
    """Raise ``ValueError`` if a run folder has a run whose training differs from the config of its cell.

    Keys that only one of them has are no difference: versions of this package know different arguments.
    """
    if not (folder / CONFIG).exists():
        return
    configs = (with_current_names(read_config_file(path)) for path in (folder / CONFIG, cell_config))
    before, after = (training_values(config, defaults=True) for config in configs)
    for key, old, new in differences(before, after):
        raise ValueError(
            f"{folder} was trained with another config ({key} is {old!r} there, and {new!r} in {cell_config}); move "
            "this folder away to train the run again"
        )
