"""Runs a search with Ray Tune."""

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lr_lightning.callbacks.run.run_record import RESULTS
from lr_lightning.commands.messages import UsageError
from lr_lightning.common.files import write_atomically
from lr_lightning.study.engines.ray_cluster import RayCluster, check_room
from lr_lightning.study.manifest import Value
from lr_lightning.study.search.definition import SearchDefinition
from lr_lightning.study.search.trial import TrialSetup, run_trial

_TUNE = "tune"
"""Folder of Ray Tune's own files, in the folder of the search."""
_SEARCH = "search.json"
_STOPPED = "stopped.json"
_QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the run folders have everything
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a trial that fails early has reported nothing
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C ends the search; its trials are not marked as stopped
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths in a config start in the working folder
}


@dataclass(frozen=True)
class Trial:
    """A trial that has ended.

    Attributes:
        folder: Its run folder.
        parameters: The searched values.
        value: The monitored scalar at its last validation; ``None`` if there was none.
        step: Training steps at that validation.
        state: ``"done"``, ``"stopped"`` by the scheduler, or ``"failed"``.
        sentence: Why it failed.
    """

    folder: Path
    parameters: Mapping[str, Value]
    value: float | None
    step: int
    state: str
    sentence: str = ""


def _say(line: str) -> None:
    print(line, flush=True)


def run_search(
    definition: SearchDefinition,
    root: Path,
    address: str | None = None,
    jobs: int | None = None,
    tell: Callable[[str], object] = _say,
) -> tuple[Trial, ...]:
    """Run the trials of a search that have not ended, and return all, the best first.

    Args:
        definition: The search, which has been checked.
        root: Folder of all studies.
        address: Ray cluster to join; ``None`` to start one on this machine.
        jobs: How many trials run at once at most; ``None`` for as many as there is room for.
        tell: Called with a line about each trial that ends.

    Raises:
        UsageError: If the folder has another search of this name, no node has the resources of a trial, or ``jobs`` is
            below 1.
        ModuleNotFoundError: If Ray or Optuna is not installed.
        ConnectionError: If there is no cluster at ``address``.
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs must be at least 1, got {jobs}")
    _import_optuna()
    os.environ.update({key: value for key, value in _QUIET.items() if key not in os.environ})
    folder = (root / definition.name).absolute()
    _claim(folder, definition)
    cluster = RayCluster(address)
    try:
        check_room(definition.resources, cluster.nodes)
        results = _tuner(definition, folder, jobs, tell).fit()
    finally:
        cluster.close()
    trials = [_trial(definition, folder / "trials" / Path(result.path).name, result) for result in results]
    for trial in trials:
        _mark(trial)
    return tuple(sorted(trials, key=lambda trial: _rank(trial, definition.mode)))


def _import_optuna() -> None:
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("a search needs Optuna: pip install 'lr-lightning[study]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # the table has the sentence of a trial that failed


def _claim(folder: Path, definition: SearchDefinition) -> None:
    """Record which search a folder belongs to.

    Raises:
        UsageError: If it belongs to another, which Ray Tune could not continue.
    """
    path = folder / _SEARCH
    if path.exists() and json.loads(path.read_text()).get("digest") != definition.digest:
        raise UsageError(
            f"{folder} has another search, and a search that has begun cannot change: give this one another name in "
            f"{definition.path}, or move the folder away"
        )
    text = json.dumps({"format": 1, "digest": definition.digest})
    write_atomically(path, lambda file: file.write(text.encode()))


def _tuner(definition: SearchDefinition, folder: Path, jobs: int | None, tell: Callable[[str], object]) -> Any:
    """Return the tuner of a new search, or of one that was interrupted."""
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler, FIFOScheduler

    cpus = definition.resources.cpus
    setup = TrialSetup(definition, folder / "trials", max(1, int(cpus or 1)))
    resources = {"CPU": 1.0 if cpus is None else cpus, "GPU": definition.resources.gpus}
    trainable = tune.with_resources(partial(run_trial, setup=setup), resources)
    path = folder / _TUNE
    if tune.Tuner.can_restore(str(path)):
        return tune.Tuner.restore(str(path), trainable, resume_unfinished=True, restart_errored=False)
    scheduler = FIFOScheduler()
    if definition.scheduler == "asha":
        scheduler = ASHAScheduler(
            time_attr="percent", max_t=100, grace_period=100 * definition.grace, reduction_factor=3
        )
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            metric=definition.monitor,
            mode=definition.mode,
            num_samples=definition.num_trials,
            max_concurrent_trials=jobs,
            search_alg=_searcher(definition),
            scheduler=scheduler,
            trial_dirname_creator=_name,
        ),
        run_config=tune.RunConfig(
            name=_TUNE, storage_path=str(folder), verbose=0, callbacks=[_announcement(definition, tell)]
        ),
    )


def _name(trial: Any) -> str:
    """Return the name of a trial's folder among Ray Tune's own files, the same as that of its run folder."""
    return str(trial.trial_id)


def _searcher(definition: SearchDefinition) -> Any:
    from optuna.samplers import TPESampler
    from ray.tune.search.optuna import OptunaSearch

    return OptunaSearch(
        space={key: distribution.for_optuna() for key, distribution in definition.space.items()},
        metric=definition.monitor,
        mode=definition.mode,
        sampler=TPESampler(seed=definition.seed),
    )


def _announcement(definition: SearchDefinition, tell: Callable[[str], object]) -> Any:
    from ray.tune import Callback

    class Announcement(Callback):  # type: ignore[misc]  # Ray has no types
        """Prints a line for each trial that ends."""

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            value, step = (trial.last_result.get(key) for key in (definition.monitor, "step"))
            self._tell(trials, trial, f"{definition.monitor} {value} at step {step}")

        def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            self._tell(trials, trial, "failed")

        def _tell(self, trials: list[Any], trial: Any, how: str) -> None:
            ended = {each.trial_id for each in trials if each.is_finished()} | {trial.trial_id}
            values = ", ".join(f"{key} {value}" for key, value in trial.config.items())
            tell(f"trial {len(ended)} of {definition.num_trials} ({values}): {how}")

    return Announcement()


def _trial(definition: SearchDefinition, folder: Path, result: Any) -> Trial:
    metrics = result.metrics or {}
    sentence = "" if result.error is None else _reason(result.error)
    done = (folder / RESULTS).is_file()
    state = "failed" if result.error is not None else "done" if done else "stopped"
    return Trial(
        folder, dict(result.config), metrics.get(definition.monitor), int(metrics.get("step", 0)), state, sentence
    )


def _reason(error: Exception) -> str:
    """Return the sentence of the exception in a worker."""
    cause = getattr(error, "cause", None) or error.__cause__ or error
    lines = [line for line in str(cause).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(cause).__name__


def _mark(trial: Trial) -> None:
    """Leave a note in the folder of a stopped trial, whose files look like those of a killed run."""
    if trial.state == "stopped" and trial.folder.is_dir():
        text = json.dumps({"format": 1, "step": trial.step, "value": trial.value})
        write_atomically(trial.folder / _STOPPED, lambda file: file.write(text.encode()))


def _rank(trial: Trial, mode: str) -> tuple[bool, float]:
    if trial.value is None or trial.state == "failed":
        return True, 0.0
    return False, -trial.value if mode == "max" else trial.value


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """Return the best trial of those that :func:`run_search` returned; ``None`` if none has a value."""
    return trials[0] if trials and trials[0].value is not None and trials[0].state != "failed" else None
