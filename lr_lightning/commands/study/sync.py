"""``lr-lightning study sync``: uploads the offline W&B runs of a study."""

import argparse
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence

from lr_lightning.commands.messages import UsageError
from lr_lightning.commands.progress import progress_bar
from lr_lightning.common.files import quoted_path
from lr_lightning.study.opening import open_study
from lr_lightning.study.run_states import RunKey, RunState, run_states
from lr_lightning.study.wandb_parts import OfflinePart, offline_parts
from lr_lightning.study.wandb_upload import Failed, upload

_CONNECT = 10.0
"""Seconds to wait for the server."""
_LATER = "the same command later uploads what is left"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument("study", metavar="FILE|NAME", help="the file of a study, or its name")
    parser.add_argument("--jobs", type=int, default=4, help="number of processes (default: %(default)s)")
    parser.add_argument(
        "--timeout",
        type=float,
        default=120.0,
        help="seconds after which an upload that makes no progress is given up (default: %(default)g)",
    )


def run(options: argparse.Namespace) -> int:
    """Upload the runs that are done and have not been uploaded; return 1 if that fails for some of them."""
    for name in ("jobs", "timeout"):
        if getattr(options, name) <= 0:
            raise UsageError(f"--{name} must be above 0, got {getattr(options, name):g}")
    opened = open_study(options.study, options.root)
    states = run_states(opened.manifest, options.root)
    found = offline_parts(options.root, states)
    parts = [part for part in found if not part.is_uploaded]
    failed = _upload(parts, options.jobs, options.timeout) if parts else []
    for part, reason in failed:
        print(f"not uploaded: {quoted_path(part.folder)}: {reason}", file=sys.stderr)
    print(_summary(states, found, parts, failed))
    return 1 if failed else 0


def _upload(parts: Sequence[OfflinePart], jobs: int, timeout: float) -> list[Failed]:
    server = _server()
    _check(server)
    print(f"uploading {len(parts):,} W&B runs to {server}", flush=True)
    try:
        with progress_bar("runs") as show:
            return upload(parts, jobs, timeout, lambda: _check(server), show)
    except KeyboardInterrupt as interrupt:
        uploaded = f"{sum(part.is_uploaded for part in parts):,} of {len(parts):,} W&B runs are uploaded"
        raise KeyboardInterrupt(f"{uploaded}; the same command uploads the rest") from interrupt


def _server() -> str:
    """Return the address of the W&B server.

    Raises:
        PermissionError: If there is no login.
    """
    import wandb

    from lr_lightning.loggers.wandb_environment import has_login

    mode = os.environ.pop("WANDB_MODE", None)  # offline would mean without a login
    try:
        if not has_login():
            raise PermissionError("W&B needs a login to upload runs: run wandb login, or set WANDB_API_KEY")
        return str(wandb.setup().settings.base_url)
    finally:
        wandb.teardown()  # its process, which setup starts
        if mode is not None:
            os.environ["WANDB_MODE"] = mode


def _check(server: str) -> None:
    """Raise ``ConnectionError`` if there is no W&B server: ``wandb sync`` would try for days."""
    try:
        urllib.request.urlopen(server, timeout=_CONNECT).close()
    except urllib.error.HTTPError as error:
        if error.code < 500:  # it answers, if only that there is no such page
            return
        raise ConnectionError(f"the W&B server {server} does not work ({error}); {_LATER}") from error
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise ConnectionError(f"there is no connection to the W&B server {server} ({reason}); {_LATER}") from error


def _summary(
    states: Mapping[RunKey, RunState],
    found: Sequence[OfflinePart],
    parts: Sequence[OfflinePart],
    failed: Sequence[Failed],
) -> str:
    """Return how many runs were uploaded, and why others were not."""
    num_done = sum(state.state == "done" for state in states.values())
    counts = {
        "failed": len(failed),
        "had been uploaded before": len(found) - len(parts),
        "have no offline W&B run": num_done - len(found),
        "are not done yet": len(states) - num_done,
    }
    uploaded = f"{len(parts) - len(failed):,} runs uploaded"
    return ", ".join([uploaded, *(f"{count:,} {what}" for what, count in counts.items() if count)])
