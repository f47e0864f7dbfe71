"""Weights & Biases that works without an account or a network, and never ends a run."""

import inspect
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.loggers.logger import DummyLogger
from pytorch_lightning.utilities import rank_zero_info, rank_zero_only, rank_zero_warn
from typing_extensions import override

from lr_lightning.common.checks import first_line
from lr_lightning.common.files import quoted_path
from lr_lightning.loggers.metrics_file import METRICS_FILE, read_metrics
from lr_lightning.loggers.wandb_media import MEDIA_FILE, LoggedMedia, append_media, read_media, write_media
from lr_lightning.loggers.wandb_rows import WandbRows

WandbMode = Literal["auto", "online", "offline", "disabled"]

_MODES = ("online", "offline", "disabled", "shared", "dryrun", "run")
"""What W&B takes as ``WANDB_MODE``; the last two are old names of offline and online."""

_STEP = "trainer/global_step"


class RunWandbLogger(WandbLogger):
    """Lightning's W&B logger, offline where there is no login or no network, whose history survives a killed run.

    What is logged at a training step is one row of the W&B history, whose ``_step`` is that step. A start that
    continues a run first logs again, from ``metrics.csv`` and the figures in the run folder, what earlier starts
    logged: the last offline part of a run alone holds its whole history. An online run is given only the rows that its
    server lacks.

    Once training has begun, nothing of W&B ends it. Should W&B's service stop, the run goes on in a new offline part;
    should that fail too, it goes on without W&B. Each is told by one warning.

    What is ``None`` is taken from W&B's environment variables: ``WANDB_PROJECT``, ``WANDB_NAME``, ``WANDB_ENTITY``,
    ``WANDB_TAGS``, ``WANDB_RUN_GROUP``, ``WANDB_NOTES`` and ``WANDB_JOB_TYPE``.

    Args:
        save_dir: The run folder. It receives the ``wandb`` folder, unless ``WANDB_DIR`` names another place for it.
        project: W&B project; ``lr_lightning`` if nothing names one.
        name: Name of the run; chosen by W&B if nothing names one.
        entity: W&B user or team; the default one of the login if nothing names one.
        run_id: Id of the run; the same id continues a run.
        tags: Tags of the run.
        mode: ``"auto"`` obeys the environment variable ``WANDB_MODE`` if set; else it is online with a login and a
            network, and offline without, which is decided within ``timeout`` seconds.
        timeout: Seconds to wait for the server at the start.
        group: Group of runs that this one belongs to.
        notes: Description of the run.
        job_type: Kind of the run within its group.
        upload_timeout: Seconds to wait at the end for what is still to be uploaded; it can be uploaded later.
        resume_step: Log again what earlier starts logged up to this step; ``None`` for all of it.

    Raises:
        ValueError: If ``WANDB_MODE`` is none of W&B's modes.
    """

    def __init__(
        self,
        save_dir: str | Path = ".",
        project: str | None = None,
        name: str | None = None,
        entity: str | None = None,
        run_id: str | None = None,
        tags: list[str] | None = None,
        mode: WandbMode = "auto",
        timeout: float = 15.0,
        group: str | None = None,
        notes: str | None = None,
        job_type: str | None = None,
        upload_timeout: float = 60.0,
        resume_step: int | None = None,
    ) -> None:
        _check_mode_variable()
        self.run_folder = Path(save_dir).absolute()
        # Absolute: W&B's own process may have been started in another folder.
        super().__init__(
            name=name,
            save_dir=Path(os.environ.get("WANDB_DIR") or save_dir).absolute(),
            project=project or os.environ.get("WANDB_PROJECT") or "lr_lightning",
            id=run_id,
            entity=entity,
            tags=tags,
            group=group,
            notes=notes,
            job_type=job_type,
        )
        del self._wandb_init["anonymous"]  # Lightning still sets it, W&B warns that it has no effect
        self.mode = mode
        self.timeout = timeout
        self.upload_timeout = upload_timeout
        self.resume_step = resume_step
        self._continues = run_id is not None
        self._rows = WandbRows()
        self._first_row = 0  # of those to send: the server of an online run holds all before
        self._first_free = 0  # row when this start began
        self._hyperparameters: list[Any] = []
        self._refused = False
        self._restarted = False
        self._lost: str | None = None

    @property
    @override
    def experiment(self) -> Any:
        """The W&B run; the first use starts it."""
        if self._experiment is None and rank_zero_only.rank == 0:  # type: ignore[attr-defined]
            self._start()
        return super().experiment

    @property
    def folder(self) -> Path | None:
        """Folder of an offline run, for ``wandb sync``; ``None`` for a run that is online or disabled."""
        offline = self._lost is None and bool(getattr(self._experiment, "offline", False))
        return Path(self._experiment.dir).parent if offline else None  # type: ignore[union-attr]

    @property
    def outcome(self) -> str | None:
        """Where the W&B run is or how it gets there, in a few words; ``None`` if there is none."""
        if self._lost is not None:
            again = f"lr-lightning test {quoted_path(self.run_folder)}"
            return f"stopped ({self._lost}); the next start of this run, such as {again}, logs all of it again"
        if self.folder is not None:
            return f"offline; upload with: wandb sync {quoted_path(self.folder)}"
        url = getattr(self._experiment, "url", None)
        return None if url is None else str(url)

    @override
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log ``metrics`` in the row of ``step``, ``None`` for a row of their own."""
        self._guarded(lambda run: self._log(run, dict(metrics), step))

    @override
    def log_hyperparams(self, params: Any) -> None:
        """Add ``params`` to the config of the W&B run."""
        self._guarded(lambda _: super(RunWandbLogger, self).log_hyperparams(params))
        self._hyperparameters.append(params)

    def log_figure(self, key: str, path: Path, step: int) -> None:
        """Log the picture in ``path``, a file in the run folder, in the row of ``step``."""
        figure = os.path.relpath(path.absolute(), self.run_folder)
        self._guarded(lambda run: self._log_media(run, LoggedMedia(0, step, key, figure)))

    @override
    def log_table(
        self,
        key: str,
        columns: list[str] | None = None,
        data: list[list[Any]] | None = None,
        dataframe: Any = None,
        step: int | None = None,
    ) -> None:
        """Log a table in the row of ``step``; one that is given as columns and data is logged again by later starts."""
        if dataframe is not None or columns is None or data is None or step is None:
            super().log_table(key, columns, data, dataframe, step)
            return
        media = LoggedMedia(0, step, key, None, columns, data)
        self._guarded(lambda run: self._log_media(run, media))

    def finish(self) -> str | None:
        """End the W&B run and return what is left to be told about it, ``None`` if nothing is."""
        if self._experiment is None:
            return None
        if self._lost is not None:
            self._experiment.finish()  # it stands in for one
            return None
        folder = Path(self._experiment.dir).parent
        try:
            self._experiment.finish()
        except TimeoutError:
            command = f"wandb sync --include-online {quoted_path(folder)}"
            return f"W&B: not all could be uploaded in {self.upload_timeout:g} s; upload it with: {command}"
        except Exception as error:
            self._restart(error)
            with suppress(Exception):
                self._experiment.finish()
            _leave_out_earlier_parts(self.folder)
            return f"W&B: {self.outcome}"
        if self._continues and getattr(self._experiment, "offline", False):
            _leave_out_earlier_parts(folder)
        return None

    # Starting

    def _start(self) -> None:
        """Start a W&B run, offline if it cannot be online, and none if it cannot be offline."""
        mode = self._mode()
        error = self._failure_to_start(mode)
        if error is not None and self.mode == "online":
            raise ConnectionError(
                f"W&B gave no run within {self.timeout:g} s ({first_line(error)}); --wandb.mode auto logs offline "
                "where there is no connection, --wandb.timeout waits longer"
            ) from error
        if error is not None and mode == "online":
            rank_zero_info(f"W&B: no connection ({first_line(error)}); this run is logged offline.")
            error = self._failure_to_start("offline")
        if error is not None:
            self._give_up(error)

    def _failure_to_start(self, mode: str) -> Exception | None:
        """Start a W&B run in ``mode`` and return what went wrong.

        Raises:
            ValueError: If W&B refuses what it is given, such as the name of a project.
        """
        import wandb

        try:
            self._initialize(mode)
        except Exception as error:
            _forget_service()
            if mode != "online" and isinstance(error, ValueError | wandb.errors.UsageError):
                raise ValueError(f"W&B: {first_line(error)}") from error
            return error
        return None

    def _initialize(self, mode: str) -> None:
        import wandb

        Path(self.save_dir or ".").mkdir(parents=True, exist_ok=True)  # else W&B writes to a temporary folder
        if mode == "online":
            rank_zero_info(f"W&B: connecting, for {self.timeout:g} s at most.")
        known = getattr(wandb.Settings, "model_fields", {})
        wanted: dict[str, Any] = {
            "quiet": True,
            "init_timeout": self.timeout,
            "x_transaction_log_flush_interval": 1.0,  # s; W&B's own process does not outlive this one if it is killed
            "finish_timeout": self.upload_timeout,
            "finish_timeout_raises": True,
        }
        settings = wandb.Settings(**{key: value for key, value in wanted.items() if key in known})
        self._wandb_init |= {"mode": mode, "settings": settings}
        run = super().experiment
        if mode != "disabled":
            self._log_again(run)

    def _mode(self) -> str:
        """Return the mode to start in: what was asked for, the environment's, or what a login allows."""
        if self.mode != "auto":
            return self.mode
        return os.environ.get("WANDB_MODE") or ("online" if _has_login() else "offline")

    # Logging again

    def _log_again(self, run: Any) -> None:
        """Log what earlier starts of this run logged, as far as the server lacks it."""
        self._rows = WandbRows()
        self._first_row = self._first_free = getattr(run, "starting_step", 0)
        if not self._continues:
            return
        entries = self._earlier_entries()
        if self._first_row and not self._is_numbered_alike(run, entries):
            self._rows.skip_to(self._first_row - 1)
            self._first_row = 0
            return
        for number, step, content in entries:
            if number >= self._first_row:
                self._log_earlier(run, number, step, content)
        if self.resume_step is None:  # an evaluation repeats no row, it adds its own
            self._rows.skip_to(self._first_row - 1)

    def _earlier_entries(self) -> list[tuple[int, int, Callable[[], dict[str, Any]]]]:
        """Return row, training step and content of what earlier starts logged, by row."""
        path, last = self.run_folder / MEDIA_FILE, self.resume_step
        media = [entry for entry in read_media(path) if last is None or entry.step <= last]
        if path.is_file():
            write_media(path, media)
        entries: list[tuple[int, int, Callable[[], dict[str, Any]]]] = []
        for row in read_metrics(self.run_folder / METRICS_FILE, last).rows:
            step = int(row["step"])
            entries.append((self._rows.row_of(step), step, partial(_numbers, row)))
        entries += [(entry.row, entry.step, partial(self._media, entry)) for entry in media]
        self._rows.skip_to(max((number for number, _, _ in entries), default=-1))
        return sorted(entries, key=lambda entry: entry[0])

    def _is_numbered_alike(self, run: Any, entries: Sequence[tuple[int, int, object]]) -> bool:
        """Return whether the last row of the server is what it would be here; earlier versions numbered otherwise."""
        last = self._first_row - 1
        return bool(run.summary.get(_STEP) == {number: step for number, step, _ in entries}.get(last, last))

    def _log_earlier(self, run: Any, number: int, step: int, content: Callable[[], dict[str, Any]]) -> None:
        try:
            with _media_beside(run):
                run.log({**content(), _STEP: step}, step=number)
        except ConnectionError:
            raise
        except OSError:  # a figure that somebody has removed
            return

    def _media(self, media: LoggedMedia) -> dict[str, Any]:
        """Return what W&B takes for a figure or table."""
        import wandb

        if media.figure is not None:
            return {media.key: wandb.Image(str(self.run_folder / media.figure))}
        return {media.key: wandb.Table(columns=list(media.columns), data=[list(row) for row in media.data])}

    # Logging

    def _log(self, run: Any, content: dict[str, Any], step: int | None) -> int | None:
        """Log ``content`` and return its row, ``None`` if the server has that."""
        free = getattr(run, "_local_step", 0)  # users may log rows of their own to it
        row = self._rows.row_of(step, at_least=free if free > self._first_free else 0)
        if row < self._first_row:
            return None
        run.log(content if step is None else {**content, _STEP: step}, step=row)
        return row

    def _log_media(self, run: Any, media: LoggedMedia) -> None:
        with _media_beside(run):
            self._log(run, {}, media.step)  # W&B names files by the row that is there before
            row = self._log(run, self._media(media), media.step)
        if row is not None and not getattr(run, "disabled", False):
            append_media(self.run_folder / MEDIA_FILE, media._replace(row=row))

    # When W&B fails

    def _guarded(self, send: Callable[[Any], object]) -> None:
        """Call ``send`` with the W&B run, on the first process only; what goes wrong in W&B does not end the run."""
        if rank_zero_only.rank != 0:  # type: ignore[attr-defined]
            return
        run = self.experiment
        if self._lost is not None:
            return
        try:
            send(run)
        except Exception as error:
            if _is_of_what_was_logged(error):
                if not self._refused:
                    rank_zero_warn(f"W&B did not take something ({first_line(error)}); the run folder has it")
                self._refused = True
                return
            self._restart(error)
            if self._lost is None:
                with suppress(Exception):  # should it fail again, the next call tells
                    send(self._experiment)

    def _restart(self, error: Exception) -> None:
        """Go on in a new offline part; without W&B if that was tried before."""
        _forget_service()
        self._experiment = None
        if self._restarted:
            self._give_up(error)
            return
        self._restarted, self._continues, self.resume_step = True, True, None
        rank_zero_warn(
            f"W&B stopped ({first_line(error)}); this run goes on in a new offline part, which holds all of it"
        )
        try:
            self._initialize("offline")
            for params in self._hyperparameters:
                super().log_hyperparams(params)
        except Exception as again:
            self._give_up(again)

    def _give_up(self, error: Exception) -> None:
        """Go on without W&B."""
        import wandb

        _forget_service()
        self._lost = first_line(error)
        try:
            self._experiment = wandb.init(mode="disabled")  # for who calls it from a module
        except Exception:
            self._experiment = DummyLogger().experiment  # type: ignore[assignment]
        rank_zero_warn(f"W&B stopped ({self._lost}); this run goes on without it, the run folder has everything")


def _check_mode_variable() -> None:
    """Take away an empty ``WANDB_MODE``, which W&B does not take for one that is not set, and refuse nonsense."""
    mode = os.environ.get("WANDB_MODE")
    if mode == "":
        del os.environ["WANDB_MODE"]
    elif mode is not None and mode not in _MODES:
        known = ", ".join(_MODES[:3])
        raise ValueError(f"the environment variable WANDB_MODE must be one of {known} or not be set, got {mode!r}")


def _forget_service() -> None:
    """Let the next W&B run start a service of its own; the one there may be dead."""
    import wandb

    with suppress(Exception):
        wandb.finish()
    wandb.run = None  # which stays without a service to end it, and would be taken for the next
    with suppress(Exception, SystemExit):  # it exits the process with the code of a service that was killed
        wandb.teardown()


def _leave_out_earlier_parts(folder: Path | None) -> None:
    """Mark the offline parts of a run before ``folder`` as W&B marks those that were uploaded.

    ``folder`` holds all that they hold, and ``wandb sync`` of all of them would log the same rows again.
    """
    if folder is not None:
        [log] = folder.glob("run-*.wandb")
        for earlier in folder.parent.glob(f"offline-run-*/{log.name}"):
            if earlier.parent != folder:
                earlier.with_name(f"{log.name}.synced").touch()


def _is_of_what_was_logged(error: Exception) -> bool:
    """Return whether an error is of what was logged, or where its file lies, and W&B goes on."""
    import wandb

    if isinstance(error, ConnectionError):
        return False
    return isinstance(error, OSError | ValueError | TypeError | wandb.errors.UsageError)


@contextmanager
def _media_beside(run: Any) -> Iterator[None]:
    """Let W&B prepare media in the folder of ``run``: that for temporary files may be full, or swept at any time."""
    import wandb.sdk.data_types

    own = getattr(getattr(wandb.sdk.data_types, "_private", None), "MEDIA_TMP", None)  # made when W&B is imported
    folder = Path(run.dir).parent / "tmp" / "media"
    folder.mkdir(parents=True, exist_ok=True)
    usual = tempfile.tempdir, getattr(own, "name", None)
    tempfile.tempdir = str(folder)
    if own is not None:
        own.name = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = usual[0]
        if own is not None:
            own.name = usual[1]


def _numbers(row: Mapping[str, str]) -> dict[str, Any]:
    """Return the cells of a row of ``metrics.csv`` as they were logged, without the step."""
    return {key: _number(text) for key, text in row.items() if text and key != "step"}


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def _has_login() -> bool:
    """Return whether there are credentials for W&B; the server is not asked."""
    import wandb

    if "prompt" not in inspect.signature(wandb.login).parameters:  # older than wandb.login(prompt=False)
        return bool(wandb.api.api_key)
    try:
        return bool(wandb.login(prompt=False, verify=False))
    except wandb.errors.AuthenticationError:
        return True  # of the wrong form; starting the run says what is wrong with them
