"""What W&B keeps outside of this package: its mode and login, its service process, its folders."""

import inspect
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_MODES = ("online", "offline", "disabled", "shared", "dryrun", "run")
"""Values of ``WANDB_MODE`` accepted by W&B; the last two are old names of offline and online."""


_LAUNCH_INPUTS = "wandb.sdk.launch.inputs.internal"
"""The module that holds what was staged for jobs of W&B Launch."""


def check_mode_variable() -> None:
    """Unset an empty ``WANDB_MODE``, which W&B would not treat as unset, and reject invalid values."""
    mode = os.environ.get("WANDB_MODE")
    if mode == "":
        del os.environ["WANDB_MODE"]
    elif mode is not None and mode not in _MODES:
        known = ", ".join(_MODES[:3])
        raise ValueError(f"the environment variable WANDB_MODE must be one of {known} or unset, got {mode!r}")


def forget_service() -> None:
    """Make the next W&B run start a new service; the current one may be dead."""
    import wandb

    with suppress(Exception):
        wandb.finish()
    wandb.run = None  # remains set if the service is dead, and would be reused
    with suppress(Exception, SystemExit):  # exits the process with the code of a killed service
        wandb.teardown()


def mark_earlier_parts_as_uploaded(folder: Path | None) -> None:
    """Mark the offline parts of a run before ``folder`` as uploaded, in W&B's way.

    ``folder`` contains their whole content; syncing all of them would log the same rows again.
    """
    if folder is not None:
        [log] = folder.glob("run-*.wandb")
        for earlier in folder.parent.glob(f"offline-run-*/{log.name}"):
            if earlier.parent != folder:
                earlier.with_name(f"{log.name}.synced").touch()


def concerns_logged_value(error: Exception) -> bool:
    """Return whether an error concerns only the logged value or its file, so that W&B still works."""
    import wandb

    if isinstance(error, ConnectionError):
        return False
    return isinstance(error, OSError | ValueError | TypeError | wandb.errors.UsageError)


@contextmanager
def without_launch_package() -> Iterator[None]:
    """Keep W&B from importing its launch package when a run starts, unless it is imported already.

    Each run asks it for inputs that were staged before. Nothing can have been staged before it is imported, and its
    import takes longer than the rest of W&B's start: each of its data classes searches all loaded modules.
    """
    from wandb.sdk.wandb_run import Run

    name = "_detect_and_apply_job_inputs"  # not in all versions, which then import the package as usual
    own = vars(Run).get(name)
    if own is None or _LAUNCH_INPUTS in sys.modules:
        yield
        return
    setattr(Run, name, lambda _: None)
    try:
        yield
    finally:
        setattr(Run, name, own)


@contextmanager
def media_beside(run: Any) -> Iterator[None]:
    """Make W&B prepare media in the folder of ``run``; the system's temporary folder may be full or cleaned up."""
    import wandb.sdk.data_types

    own = getattr(getattr(wandb.sdk.data_types, "_private", None), "MEDIA_TMP", None)  # created when W&B is imported
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


def has_login() -> bool:
    """Return whether there are W&B credentials, without contacting the server."""
    import wandb

    if "prompt" not in inspect.signature(wandb.login).parameters:  # versions before wandb.login(prompt=False)
        return bool(wandb.api.api_key)
    try:
        return bool(wandb.login(prompt=False, verify=False))
    except wandb.errors.AuthenticationError:
        return True  # malformed credentials; starting the run reports the error
