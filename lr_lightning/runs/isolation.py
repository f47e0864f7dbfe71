"""Keeps a run in this process from changing the state of the process."""

import gc
import io
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from contextvars import copy_context
from typing import Any, TypeVar

import torch

from lr_lightning.commands.progress import silent_progress
from lr_lightning.common.thread_limit import kept_threads
from lr_lightning.data.storage.random_state import kept_random_state

T = TypeVar("T")

_running = threading.Lock()
_LOGGERS = ("pytorch_lightning", "pytorch_lightning.utilities.rank_zero", "lightning_fabric", "lightning_utilities")


def run_isolated(work: Callable[[], T], quiet: bool = False) -> T:
    """Return the result of ``work``, called within :func:`isolated` and in a context of its own.

    Without the latter, a context variable of jsonargparse would keep model and data of the last run alive.

    Args:
        work: The function to call.
        quiet: As for :func:`isolated`.
    """
    with isolated(quiet):
        return copy_context().run(work)


@contextmanager
def isolated(quiet: bool = False) -> Iterator[None]:
    """Restore the state of the process when the context ends, also after an error.

    Restored are the random states of Python, NumPy and PyTorch; the numbers of threads; PyTorch's default dtype,
    gradient mode, and its settings on determinism and precision; environment variables, signal handlers and the working
    folder; filters of warnings and of Lightning's log; and Matplotlib's settings. Objects that refer to each other,
    such as a Trainer and its model, are freed at once.

    One setting stays: the C library keeps up to 1 GiB of freed memory for the next run.

    Args:
        quiet: Whether to print nothing to standard output, no progress, and none of Lightning's remarks.

    Raises:
        RuntimeError: If a run is in progress in this process, e.g. in another thread: all of this state is global. Also
            in place of ``SystemExit``.
    """
    if not _running.acquire(blocking=False):
        raise RuntimeError(
            "another run is in progress in this process, and both would share its random state and settings; start "
            "runs one after the other, or in separate processes (n_jobs=1 in Optuna)"
        )
    try:
        with ExitStack() as stack:
            stack.callback(gc.collect)
            for kept in (
                _environment,  # first, because imports set variables: kept_threads imports threadpoolctl
                kept_threads,
                _torch_settings,
                _signal_handlers,
                _exit_hooks,
                _matplotlib_settings,
            ):
                stack.callback(kept())
            stack.callback(os.chdir, os.getcwd())  # noqa: PTH109  (the text, so that a removed folder is no error)
            stack.callback(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all())
            stack.enter_context(kept_random_state())
            stack.enter_context(warnings.catch_warnings())
            stack.callback(_log_settings())
            if quiet:
                stack.enter_context(redirect_stdout(io.StringIO()))
                stack.enter_context(silent_progress())
                os.environ["WANDB_SILENT"] = "true"
                for name in _LOGGERS:
                    logging.getLogger(name).setLevel(logging.WARNING)
            yield
    except SystemExit as stopped:  # such as the option print_config, or sys.exit in a callback
        raise RuntimeError(f"an option or a callback ended the process (exit code {stopped.code})") from stopped
    finally:
        _running.release()


def _torch_settings() -> Callable[[], None]:
    """Return a function that restores PyTorch's settings."""
    cudnn = torch.backends.cudnn
    dtype, gradients = torch.get_default_dtype(), torch.is_grad_enabled()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    precision = torch.get_float32_matmul_precision()
    flags = {name: getattr(cudnn, name) for name in ("benchmark", "deterministic", "enabled")}
    anomalies, check_nan = torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()

    def restore() -> None:
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(gradients)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        torch.set_float32_matmul_precision(precision)
        for name, value in flags.items():
            setattr(cudnn, name, value)
        torch.autograd.set_detect_anomaly(anomalies, check_nan)

    return restore


def _environment() -> Callable[[], None]:
    """Return a function that restores the environment variables."""
    before = dict(os.environ)

    def restore() -> None:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value

    return restore


def _signal_handlers() -> Callable[[], None]:
    """Return a function that restores the signal handlers; only the main thread can have changed them."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}

    def restore() -> None:
        for number, handler in before.items():
            # None is a handler that was not installed from Python, and cannot be installed from Python
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)

    return restore


def _exit_hooks() -> Callable[[], None]:
    """Return a function that restores how Python exits, which W&B replaces to notice failed runs."""
    excepthook, exit_ = sys.excepthook, sys.exit

    def restore() -> None:
        sys.excepthook, sys.exit = excepthook, exit_

    return restore


def _matplotlib_settings() -> Callable[[], None]:
    """Return a function that restores Matplotlib's settings, if it has been imported."""
    if "matplotlib" not in sys.modules:
        return lambda: None
    import matplotlib as mpl

    settings: Any = mpl.rcParams
    before = dict(settings)

    def restore() -> None:
        for name, value in before.items():
            if settings[name] != value:  # setting a deprecated one would warn
                settings[name] = value

    return restore


def _log_settings() -> Callable[[], None]:
    """Return a function that restores levels, filters and handlers of Lightning's loggers."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(logger.level, list(logger.filters), list(logger.handlers), logger.propagate) for logger in loggers]

    def restore() -> None:
        for logger, (level, filters, handlers, propagate) in zip(loggers, before, strict=True):
            logger.setLevel(level)
            logger.filters[:], logger.handlers[:], logger.propagate = filters, handlers, propagate

    return restore
