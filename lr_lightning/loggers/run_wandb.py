"""A W&B logger that works without an account or a network connection, and never ends a run."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.loggers.logger import DummyLogger
from pytorch_lightning.utilities import rank_zero_info, rank_zero_only, rank_zero_warn
from typing_extensions import override

from lr_lightning.common.checks import first_line
from lr_lightning.common.files import quoted_path
from lr_lightning.loggers.metrics_file import METRICS_FILE, logged_values, read_metrics
from lr_lightning.loggers.wandb_environment import (
    check_mode_variable,
    concerns_logged_value,
    forget_service,
    has_login,
    mark_earlier_parts_as_uploaded,
    media_beside,
    without_launch_package,
)
from lr_lightning.loggers.wandb_media import MEDIA_FILE, LoggedMedia, append_media, read_media, write_media
from lr_lightning.loggers.wandb_rows import WandbRows

WandbMode = Literal["auto", "online", "offline", "disabled"]

_STEP = "trainer/global_step"


class RunWandbLogger(WandbLogger):
    """Lightning's W&B logger, offline without a login or network, with a history that survives a killed run.

    Everything logged at a training step is one row of the W&B history, whose ``_step`` is that step. A start that
    continues a run first repeats what earlier starts logged, from ``metrics.csv`` and the figures in the run folder, so
    that the last offline part of a run contains its whole history. To an online run, only missing rows are sent.

    Once training has begun, W&B failures do not end it. If W&B's service stops, the run continues in a new offline
    part; if that fails too, it continues without W&B. Each failure causes one warning.

    Arguments that are ``None`` are taken from W&B's environment variables: ``WANDB_PROJECT``, ``WANDB_NAME``,
    ``WANDB_ENTITY``, ``WANDB_TAGS``, ``WANDB_RUN_GROUP``, ``WANDB_NOTES`` and ``WANDB_JOB_TYPE``.

    Args:
        save_dir: The run folder, also the parent of the ``wandb`` folder unless ``WANDB_DIR`` is set.
        project: W&B project; ``lr_lightning`` by default.
        name: Name of the run; chosen by W&B by default.
        entity: W&B user or team; the login's default entity by default.
        run_id: Id of the run; the same id continues a run.
        tags: Tags of the run.
        mode: ``"auto"`` uses the environment variable ``WANDB_MODE`` if it is set; otherwise it is online if there is a
            login and the server responds within ``timeout`` seconds, and offline if not.
        timeout: Seconds to wait for the server at the start.
        group: Group of runs that this one belongs to.
        notes: Description of the run.
        job_type: Type of the run within its group.
        config: Values to add to the config of the W&B run, e.g. to filter and group runs by.
        upload_timeout: Seconds to wait for uploads at the end; the rest can be uploaded later.
        resume_step: Repeat what earlier starts logged up to this step; ``None`` repeats everything.

    Raises:
        ValueError: If ``WANDB_MODE`` is not one of W&B's modes.
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
        config: dict[str, Any] | None = None,
        upload_timeout: float = 60.0,
        resume_step: int | None = None,
    ) -> None:
        check_mode_variable()
        self.run_folder = Path(save_dir).absolute()
        # absolute, because W&B's own process may have been started in another folder
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
            config=config,
        )
        del self._wandb_init["anonymous"]  # set by Lightning, but W&B warns that it has no effect
        self.mode = mode
        self.timeout = timeout
        self.upload_timeout = upload_timeout
        self.resume_step = resume_step
        self._continues = run_id is not None
        self._rows = WandbRows()
        self._first_row = 0  # first row to send: the server of an online run has all earlier ones
        self._first_free = 0  # first row of this start
        self._hyperparameters: list[Any] = []
        self._refused = False
        self._restarted = False
        self._lost: str | None = None

    @property
    @override
    def experiment(self) -> Any:
        """The W&B run, started on first use."""
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
        """A short description of where the W&B run is, or how to upload it; ``None`` without a run."""
        if self._lost is not None:
            again = f"lr-lightning test {quoted_path(self.run_folder)}"
            return f"stopped ({self._lost}); the next start of this run, e.g. {again}, logs everything again"
        if self.folder is not None:
            return f"offline; upload with: wandb sync {quoted_path(self.folder)}"
        url = getattr(self._experiment, "url", None)
        return None if url is None else str(url)

    @override
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log ``metrics`` in the row of ``step``, or in a separate row if ``None``."""
        self._guarded(lambda run: self._log(run, dict(metrics), step))

    @override
    def log_hyperparams(self, params: Any) -> None:
        """Add ``params`` to the config of the W&B run."""
        self._guarded(lambda _: super(RunWandbLogger, self).log_hyperparams(params))
        self._hyperparameters.append(params)

    def log_figure(self, key: str, path: Path, step: int) -> None:
        """Log the image file ``path``, inside the run folder, in the row of ``step``."""
        figure = os.path.relpath(path.absolute(), self.run_folder)
        self._guarded(lambda run: self._log_media(run, LoggedMedia(0, step, key, figure)))

    def log_page(self, key: str, path: Path, step: int) -> None:
        """Log the HTML document ``path``, inside the run folder, in the row of ``step``."""
        page = os.path.relpath(path.absolute(), self.run_folder)
        self._guarded(lambda run: self._log_media(run, LoggedMedia(0, step, key, page=page)))

    @override
    def log_table(
        self,
        key: str,
        columns: list[str] | None = None,
        data: list[list[Any]] | None = None,
        dataframe: Any = None,
        step: int | None = None,
    ) -> None:
        """Log a table in the row of ``step``; later starts repeat tables passed as ``columns`` and ``data``."""
        if dataframe is not None or columns is None or data is None or step is None:
            super().log_table(key, columns, data, dataframe, step)
            return
        media = LoggedMedia(0, step, key, None, columns, data)
        self._guarded(lambda run: self._log_media(run, media))

    def finish(self, exit_code: int = 0) -> str | None:
        """End the W&B run; return a message if something is left to do, otherwise ``None``.

        Args:
            exit_code: Not 0 for a run that failed, which W&B then lists as such.
        """
        if self._experiment is None:
            return None
        if self._lost is not None:
            self._experiment.finish()  # a disabled stand-in
            return None
        folder = Path(self._experiment.dir).parent
        try:
            self._experiment.finish(exit_code=exit_code)
        except TimeoutError:
            command = f"wandb sync --include-online {quoted_path(folder)}"
            return f"W&B: the upload did not finish within {self.upload_timeout:g} s; upload the rest with: {command}"
        except Exception as error:
            self._restart(error)
            with suppress(Exception):
                self._experiment.finish()
            mark_earlier_parts_as_uploaded(self.folder)
            return f"W&B: {self.outcome}"
        if self._continues and getattr(self._experiment, "offline", False):
            mark_earlier_parts_as_uploaded(folder)
        return None

    # Starting

    def _start(self) -> None:
        """Start a W&B run: offline if it cannot be online, none if it cannot be offline."""
        mode = self._mode()
        error = self._failure_to_start(mode)
        if error is not None and self.mode == "online":
            raise ConnectionError(
                f"W&B did not start a run within {self.timeout:g} s ({first_line(error)}); use --wandb.mode auto to "
                "log offline without a connection, or --wandb.timeout to wait longer"
            ) from error
        if error is not None and mode == "online":
            rank_zero_info(f"W&B: no connection ({first_line(error)}); this run is logged offline.")
            error = self._failure_to_start("offline")
        if error is not None:
            self._give_up(error)

    def _failure_to_start(self, mode: str) -> Exception | None:
        """Start a W&B run in ``mode``; return the error, ``None`` on success.

        Raises:
            ValueError: If W&B rejects an argument, e.g. the name of the project.
        """
        import wandb

        try:
            self._initialize(mode)
        except Exception as error:
            forget_service()
            if mode != "online" and isinstance(error, ValueError | wandb.errors.UsageError):
                raise ValueError(f"W&B: {first_line(error)}") from error
            return error
        return None

    def _initialize(self, mode: str) -> None:
        import wandb

        Path(self.save_dir or ".").mkdir(parents=True, exist_ok=True)  # otherwise W&B writes to a temporary folder
        if mode == "online":
            rank_zero_info(f"W&B: connecting (up to {self.timeout:g} s).")
        known = getattr(wandb.Settings, "model_fields", {})
        wanted: dict[str, Any] = {
            "quiet": True,
            "init_timeout": self.timeout,
            "x_transaction_log_flush_interval": 1.0,  # seconds; if this process is killed, W&B's own process ends too
            "finish_timeout": self.upload_timeout,
            "finish_timeout_raises": True,
        }
        settings = wandb.Settings(**{key: value for key, value in wanted.items() if key in known})
        self._wandb_init |= {"mode": mode, "settings": settings}
        with without_launch_package():
            run = super().experiment
        if mode != "disabled":
            self._log_again(run)

    def _mode(self) -> str:
        """Return the mode to start in: the argument, the environment variable, or according to the login."""
        if self.mode != "auto":
            return self.mode
        return os.environ.get("WANDB_MODE") or ("online" if has_login() else "offline")

    # Logging again

    def _log_again(self, run: Any) -> None:
        """Repeat what earlier starts of this run logged, unless the server has it."""
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
        if self.resume_step is None:  # an evaluation repeats no rows, but adds new ones
            self._rows.skip_to(self._first_row - 1)

    def _earlier_entries(self) -> list[tuple[int, int, Callable[[], dict[str, Any]]]]:
        """Return row, training step and content of everything that earlier starts logged, sorted by row."""
        path, last = self.run_folder / MEDIA_FILE, self.resume_step
        media = [entry for entry in read_media(path) if last is None or entry.step <= last]
        if path.is_file():
            write_media(path, media)
        entries: list[tuple[int, int, Callable[[], dict[str, Any]]]] = []
        for row in read_metrics(self.run_folder / METRICS_FILE, last).rows:
            step = int(row["step"])
            entries.append((self._rows.row_of(step), step, partial(logged_values, row)))
        entries += [(entry.row, entry.step, partial(self._media, entry)) for entry in media]
        self._rows.skip_to(max((number for number, _, _ in entries), default=-1))
        return sorted(entries, key=lambda entry: entry[0])

    def _is_numbered_alike(self, run: Any, entries: Sequence[tuple[int, int, object]]) -> bool:
        """Return whether the server numbers rows as this version does; earlier versions numbered them differently."""
        last = self._first_row - 1
        return bool(run.summary.get(_STEP) == {number: step for number, step, _ in entries}.get(last, last))

    def _log_earlier(self, run: Any, number: int, step: int, content: Callable[[], dict[str, Any]]) -> None:
        try:
            with media_beside(run):
                run.log({**content(), _STEP: step}, step=number)
        except ConnectionError:
            raise
        except OSError:  # the figure has been removed
            return

    def _media(self, media: LoggedMedia) -> dict[str, Any]:
        """Return W&B's object for a figure, page or table."""
        import wandb

        if media.figure is not None:
            return {media.key: wandb.Image(str(self.run_folder / media.figure))}
        if media.page is not None:  # as it is: otherwise, a style sheet of W&B would be injected
            html = (self.run_folder / media.page).read_text(encoding="utf-8")
            return {media.key: wandb.Html(html, inject=False, data_is_not_path=True)}
        return {media.key: wandb.Table(columns=list(media.columns), data=[list(row) for row in media.data])}

    # Logging

    def _log(self, run: Any, content: dict[str, Any], step: int | None) -> int | None:
        """Log ``content``; return its row, ``None`` if the server already has it."""
        free = getattr(run, "_local_step", 0)  # user code may log rows of its own
        row = self._rows.row_of(step, at_least=free if free > self._first_free else 0)
        if row < self._first_row:
            return None
        run.log(content if step is None else {**content, _STEP: step}, step=row)
        return row

    def _log_media(self, run: Any, media: LoggedMedia) -> None:
        with media_beside(run):
            self._log(run, {}, media.step)  # W&B names files by the current row
            row = self._log(run, self._media(media), media.step)
        if row is not None and not getattr(run, "disabled", False):
            append_media(self.run_folder / MEDIA_FILE, media._replace(row=row))

    # When W&B fails

    def _guarded(self, send: Callable[[Any], object]) -> None:
        """Call ``send`` with the W&B run, on rank 0 only; errors in W&B do not end training."""
        if rank_zero_only.rank != 0:  # type: ignore[attr-defined]
            return
        run = self.experiment
        if self._lost is not None:
            return
        try:
            send(run)
        except Exception as error:
            if concerns_logged_value(error):
                if not self._refused:
                    rank_zero_warn(f"W&B rejected a value ({first_line(error)}); it is in the run folder")
                self._refused = True
                return
            self._restart(error)
            if self._lost is None:
                with suppress(Exception):  # if it fails again, the next call handles it
                    send(self._experiment)

    def _restart(self, error: Exception) -> None:
        """Continue in a new offline part, or without W&B if this is the second failure."""
        forget_service()
        self._experiment = None
        if self._restarted:
            self._give_up(error)
            return
        self._restarted, self._continues, self.resume_step = True, True, None
        rank_zero_warn(
            f"W&B stopped ({first_line(error)}); the run continues in a new offline part, which has its whole history"
        )
        try:
            self._initialize("offline")
            for params in self._hyperparameters:
                super().log_hyperparams(params)
        except Exception as again:
            self._give_up(again)

    def _give_up(self, error: Exception) -> None:
        """Continue without W&B."""
        import wandb

        forget_service()
        self._lost = first_line(error)
        try:
            self._experiment = wandb.init(mode="disabled")  # for modules that use it directly
        except Exception:
            self._experiment = DummyLogger().experiment  # type: ignore[assignment]
        rank_zero_warn(f"W&B stopped ({self._lost}); the run continues without it, and the run folder has everything")
