"""``lr-lightning explore``: a page on which latents are moved by hand, as a file or served by this process."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lr_lightning.commands.failure import run_command
from lr_lightning.commands.messages import UsageError

if TYPE_CHECKING:
    import torch

    from lr_lightning.explorer.explored_model import ExploredModel, Progress
    from lr_lightning.explorer.live_model import LiveModel

T = TypeVar("T")

OUT = Path("explorer.html")

_DESCRIPTION = """\
Open a trained model on a page: move latents and see the decoded observation and the latent response, with the response
matrix, slices of the response field, paths, samples and scores.

RUN is a run folder, whose best checkpoint is used, a checkpoint in one, the folder of an exported model, or `demo`, the
model of this package; nothing is written to it. The page is one file that needs neither Python nor a connection, to
keep or to mail. With --live, this process computes instead, for models that cannot be exported or need a GPU. Other
options are those of `lr-lightning test`, after RUN: --data.dataset.path ... for other data."""


def main(argv: Sequence[str]) -> int:
    """Run ``lr-lightning explore``.

    Args:
        argv: Arguments, such as ``["runs/quickstart", "--out", "explorer.html"]``.

    Returns:
        Exit code: 0 on success, also after Ctrl-C with ``--live``; 1 on failure, 2 for a wrong command line, 130 after
        Ctrl-C. Errors are printed to standard error, one sentence each.
    """
    return run_command("explore", lambda: _parse(argv), _explore, "interrupted; no page was written")


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="lr-lightning explore",
        usage="lr-lightning explore RUN [options]",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("run", metavar="RUN", help="run folder, a checkpoint in one, an exported model, or demo")
    parser.add_argument("--out", metavar="FILE", type=Path, help=f"the page to write (default: {OUT})")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    parser.add_argument("--live", action="store_true", help="serve the page on this machine until Ctrl-C")
    parser.add_argument("--port", type=port, default=0, help="port of --live (default: any free one)")
    parser.add_argument("--device", help="device of the model with --live (default: cuda if there is one, or cpu)")
    parser.add_argument(
        "--num_samples",
        type=int,
        help="base codes of the response matrix (default: 128, fewer for many latents and for large images)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of all random choices (default: %(default)s)")
    arguments, words = parser.parse_known_args(argv)
    arguments.words = words
    return arguments


def port(text: str) -> int:
    """Return the number of a port; raise ``ValueError``, which argparse reports, for anything else."""
    number = int(text)
    if not 0 <= number < 2**16:
        raise ValueError(f"{number} is no port")
    return number


def _explore(arguments: argparse.Namespace) -> None:
    if arguments.live:
        if arguments.out is not None:
            raise UsageError("--live writes no file; give either --out or --live")
        _serve(_live_model(arguments), arguments.port)
        return
    if arguments.device is not None:
        raise UsageError("--device is an option of --live; a page computes in the browser")
    out = arguments.out or OUT
    _check_out(out, arguments.overwrite)
    _write(arguments, out)


def _check_out(out: Path, overwrite: bool) -> None:
    """Raise an error if the page cannot be written, before it is computed."""
    from lr_lightning.commands.run.folder import check_writable
    from lr_lightning.explorer.onnx_export import missing_packages

    if out.is_dir():
        raise IsADirectoryError(f"{out} is a folder; give the name of a file with --out")
    if out.exists() and not overwrite:
        raise FileExistsError(f"{out} exists; add --overwrite to replace it, or choose another with --out")
    missing = missing_packages()
    if missing is not None:
        raise ModuleNotFoundError(f"{missing}, or use --live, which needs none")
    check_writable(out.parent, "folder", "--out")


def _write(arguments: argparse.Namespace, out: Path) -> None:
    from lr_lightning.explorer.notebook_page import ExplorerPage
    from lr_lightning.explorer.static_page import static_page

    explored, html = _built(arguments, static_page)
    ExplorerPage(explored.title, html).save(out)
    _print_notes(explored.notes)
    print(f"Page: {out.resolve()}, {len(html.encode()) / 1e6:.1f} MB; open it in a browser")


def _live_model(arguments: argparse.Namespace) -> "LiveModel":
    from lr_lightning.explorer.live_model import LiveModel

    explored, live = _built(arguments, LiveModel, _device(arguments.device))
    _print_notes(explored.notes)
    return live


def _built(
    arguments: argparse.Namespace, make: Callable[..., T], device: "torch.device | str" = "cpu"
) -> tuple["ExploredModel", T]:
    """Return the model of the run, and what ``make`` makes of it."""
    from lr_lightning.runs.exploring import explored_run, find_checkpoint
    from lr_lightning.runs.isolation import run_isolated

    run, checkpoint = find_checkpoint(arguments.run)
    with _shown() as progress:  # outside of the isolation, which shows no progress if it is quiet

        def build() -> tuple["ExploredModel", T]:
            explored = explored_run(run, checkpoint, arguments.words, device)
            return explored, make(explored, num_samples=arguments.num_samples, seed=arguments.seed, progress=progress)

        return run_isolated(build, quiet=True)


def _device(name: str | None) -> "torch.device":
    """Return the device of a live model: that of this name, or by default a GPU if there is one.

    Raises:
        UsageError: If there is no such device.
    """
    import torch

    has_gpu = torch.cuda.is_available()
    try:
        device = torch.device(name or ("cuda" if has_gpu else "cpu"))
    except RuntimeError as error:
        raise UsageError(f"--device must be a device such as cpu or cuda, got {name!r}") from error
    if device.type == "cuda" and not has_gpu:
        raise UsageError(f"--device is {name!r}, but PyTorch finds no GPU; use --device cpu")
    return device


def _serve(live: "LiveModel", port: int) -> None:
    """Serve a page until Ctrl-C."""
    from lr_lightning.explorer.live_server import LiveServer

    try:
        server = LiveServer(live, port)
    except OSError as error:
        raise OSError(f"port {port} cannot be used ({error.strerror}); choose another with --port") from error
    with server:
        print(f"Page: {server.address}\nThe address is a secret of yours; Ctrl-C stops the server.", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("stopped")


@contextmanager
def _shown() -> Iterator["Progress"]:
    """Show the current step and its progress on a terminal."""
    from lr_lightning.commands.progress import terminal_progress

    display = terminal_progress()
    with nullcontext() if display.disable else display:
        task = display.add_task("loading", total=None)
        yield lambda step, done, total: display.update(task, description=step, completed=done, total=total)


def _print_notes(notes: Sequence[str]) -> None:
    for note in notes:
        print(f"note: {note}")
