"""Kill training runs, resume them, and compare their output with that of uninterrupted runs.

    python benchmarks/kill_runs.py --kills 60 --folder /tmp/runs --other /dev/shm

Each case trains once without interruption, and then several times in a chain of starts that SIGKILL ends, at a random
time or before or after a chosen event: a hook of the Trainer, a flush or a rename of a file. Half of the kills include
W&B's own process, as in a batch system. Each start continues the run by another of the commands that do, from its own
or from another working folder. Then weights, states of optimizers, loops, data and callbacks, ``metrics.csv``, the
history in W&B's last part, ``config.yaml``, ``results.json`` and the names of figures must equal those of the
uninterrupted run, apart from timings. With ``--other``, each case also runs across two file systems: its folder there,
temporary files elsewhere.
"""

import argparse
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}  # before torch

import torch
import wandb
import wandb.sdk.launch  # which every start would import
from pytorch_lightning.trainer import call

from lr_lightning.cli import main as command_line
from lr_lightning.commands.fit.training import RunCLI, prepare
from lr_lightning.configs import CONFIG_FOLDER

SMALL = {
    "data.batches_per_epoch": 40,
    "data.dataset.num_samples": 512,
    "data.val_size": 256,
    "trainer.log_every_n_steps": 10,
    "trainer.enable_progress_bar": "false",
    "trainer.enable_model_summary": "false",
    "trainer.accelerator": "cpu",
    "wandb.mode": "offline",
    "assays": "{}",
}
FACTOR_VAE = {
    "model": "FactorVAE",
    "model.discriminator_widths": "[8, 8]",
    "model.network": "MLP",
    "model.network.latent_dim": 2,
    "model.network.observation_shape": "[3]",
    "model.network.widths": "[8]",
    "model.likelihood": "Gaussian",
    "model.optimizer": "torch.optim.Adam",
    "model.optimizer.lr": 0.01,
    "model.discriminator_optimizer": "torch.optim.Adam",
    "model.discriminator_optimizer.lr": 0.001,
}
CASES: dict[str, dict[str, Any]] = {
    "max_steps": {"trainer.max_epochs": "null", "trainer.max_steps": 110},
    "max_epochs": {"trainer.max_epochs": 3},
    "both": {"trainer.max_epochs": 3, "trainer.max_steps": 110},
    "val_check_interval": {"trainer.max_epochs": 3, "trainer.val_check_interval": 15},
    "check_val_every_n_epoch": {"trainer.max_epochs": 4, "trainer.check_val_every_n_epoch": 2},
    "factor_vae": {"trainer.max_epochs": 3, **FACTOR_VAE},
    "updates_per_batch": {"trainer.max_epochs": "null", "trainer.max_steps": 110, "model.updates_per_batch": 7},
    "seeds": {"trainer.max_epochs": 3, "seeds": 2},
    "assays": {"trainer.max_epochs": 3, "assays": '{"response_matrix": "ResponseMatrixAssay"}'},
}
HOOKS = ("on_train_batch_start", "on_train_batch_end", "on_train_epoch_end", "on_validation_start")
LATE_HOOKS = ("on_validation_end", "on_train_end", "on_fit_end")


@dataclass
class Moment:
    """When a start is killed.

    Attributes:
        event: Name of the event, ``None`` for a moment given by the clock.
        number: Which occurrence of the event, from 1.
        after: Whether to kill after the event instead of before it.
        seconds: Time since the start, for a moment given by the clock.
    """

    event: str | None = None
    number: int = 0
    after: bool = False
    seconds: float = 0.0

    def __str__(self) -> str:
        if self.event is None:
            return f"after {self.seconds:.2f} s"
        return f"{'after' if self.after else 'before'} {self.event} number {self.number}"


@dataclass
class Events:
    """Counts events in this process, and stops the process at a moment.

    Attributes:
        moment: When to stop, ``None`` for never.
        counts: Number of events of each name.
    """

    moment: Moment | None
    counts: Counter[str] = field(default_factory=Counter)

    def watch(self, name: str, owner: Any, attribute: str) -> None:
        """Count the calls of a function under ``name``, or, if it is empty, under their second argument."""
        original: Callable[..., Any] = getattr(owner, attribute)

        def counted(*arguments: Any, **options: Any) -> Any:
            event = name or str(arguments[1])
            self.counts[event] += 1
            self._stop_at(event, after=False)
            result = original(*arguments, **options)
            self._stop_at(event, after=True)
            return result

        setattr(owner, attribute, counted)

    def _stop_at(self, event: str, after: bool) -> None:
        moment = self.moment
        if moment is not None and (event, self.counts[event], after) == (moment.event, moment.number, moment.after):
            os.kill(os.getpid(), signal.SIGSTOP)  # the parent kills it


def arguments_of(options: Mapping[str, Any], folder: Path) -> list[str]:
    """Return the command line of a run in ``folder``, whose parent is the working folder."""
    model = [] if "model" not in options else [f"--model={options['model']}"]
    rest = [f"--{key}={value}" for key, value in options.items() if key != "model"]
    config = [] if model else [f"--config={CONFIG_FOLDER / 'helix.yaml'}"]
    data = ["--data=FactorDataModule", "--data.dataset=DoubleHelix", "--data.batch_size=128"] if model else []
    return ["fit", *config, *model, *data, *rest, f"--trainer.default_root_dir={folder.name}"]


def resumed_arguments(options: Mapping[str, Any], folder: Path, rng: random.Random) -> tuple[list[str], Path]:
    """Return one of the command lines that continue the run in ``folder``, if it can be, and its working folder."""
    arguments, last = arguments_of(options, folder), folder / "checkpoints" / "last.ckpt"
    if not last.is_file():
        return arguments, folder.parent
    here, resume = f"--trainer.default_root_dir={folder}", f"--ckpt_path={rng.choice(['last', last])}"
    return rng.choice(
        [
            ([*arguments, resume], folder.parent),
            ([*arguments, here, resume], folder.parents[1]),
            (["fit", folder.name], folder.parent),
            (["fit", str(folder)], folder.parents[1]),
        ]
    )


def start(
    command: tuple[list[str], Path], log: Path, temporary: Path, moment: Moment | None, rng: random.Random
) -> int | None:
    """Run a command line in a working folder, in a child; return its exit code, ``None`` if it was killed.

    Where ``moment`` is ``None``, the child leaves its counts of events beside the log.
    """
    child = os.fork()
    if child == 0:
        _run_child(*command, log, temporary, moment)
    deadline = time.monotonic() + (moment.seconds if moment is not None and moment.event is None else 300.0)
    while True:
        pid, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
        if pid and not os.WIFSTOPPED(status):
            return os.waitstatus_to_exitcode(status)
        if pid or time.monotonic() > deadline:
            victims = [child, *(descendants(child) if rng.random() < 0.5 else ())]
            for victim in victims:
                os.kill(victim, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.005)


def _run_child(arguments: list[str], place: Path, log: Path, temporary: Path, moment: Moment | None) -> None:
    """Train in this process and exit."""
    code = 70
    try:
        os.setsid()
        os.chdir(place)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.environ["TMPDIR"] = str(temporary)
        tempfile.tempdir = None
        events = Events(moment)
        events.watch("fsync", os, "fsync")
        events.watch("rename", os, "replace")
        events.watch("rename", os, "rename")
        events.watch("", call, "_call_callback_hooks")
        try:
            command_line(arguments)
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        wandb.teardown()  # os._exit below skips W&B's exit handlers
        if moment is None:
            log.with_suffix(".events").write_text(json.dumps(events.counts))
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def descendants(pid: int) -> Iterator[int]:
    """Yield all descendants of the process ``pid``."""
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            yield int(child)
            yield from descendants(int(child))


def draw_moment(counts: Mapping[str, int], seconds: float, rng: random.Random) -> Moment:
    """Draw a moment: by the clock, at a file operation, at a hook, or at one of the last hooks of a run."""
    kind = rng.choice(["clock", "file", "hook", "late hook"])
    if kind == "clock":
        return Moment(seconds=rng.uniform(0.1, seconds))
    names = {"file": ("fsync", "rename"), "hook": HOOKS, "late hook": LATE_HOOKS}[kind]
    event = rng.choice([name for name in names if counts.get(name)])
    return Moment(event, rng.randint(1, counts[event]), rng.random() < 0.5)


def timeless(value: Any, folder: Path) -> Any:
    """Return ``value`` with comparable tensors, without times, paths and the commit (code may be edited meanwhile)."""
    if isinstance(value, Mapping):
        kept = {key: inner for key, inner in value.items() if not _is_time(str(key))}
        return {str(key): timeless(inner, folder) for key, inner in kept.items()}
    if isinstance(value, list | tuple):
        return [timeless(inner, folder) for inner in value]
    if isinstance(value, torch.Tensor):
        return value.tolist()
    return value.replace(str(folder), "RUN") if isinstance(value, str) else value


def _is_time(key: str) -> bool:
    return "seconds" in key or key in ("_timestamp", "_runtime", "_wandb", "git_commit")


def history_of(part: Path) -> list[dict[str, Any]]:
    """Return the history rows of a part of an offline run, read by W&B's own command."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(part)]
    lines = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout.splitlines()
    return [record["history"]["item"] for record in map(json.loads, lines) if record["type"] == "history"]


def comparable_history(folder: Path) -> dict[str, Any]:
    """Return the history in W&B's last part at each step, or a description of what is wrong with it."""
    parts = sorted((folder / "wandb").glob("offline-run-*/*.wandb"))
    rows = history_of(parts[-1])
    steps = [row["_step"] for row in rows]
    if not steps or steps != sorted(set(steps)):
        return {"steps": f"steps of {parts[-1]} are not increasing: {steps}"}
    merged: dict[str, Any] = {}
    for row in rows:
        at_step = merged.setdefault(str(row["trainer/global_step"]), {})
        for key, value in row.items():
            if key != "_step" and not key.endswith("path"):  # W&B names its copies of media randomly or by its steps
                at_step[key] = value
    return merged


def left_by(folder: Path) -> dict[str, Any]:
    """Return everything that a run left on disk, by name."""
    checkpoints = {
        path.name: torch.load(path, map_location="cpu", weights_only=True)
        for path in (folder / "checkpoints").glob("*.ckpt")
    }
    with (folder / "metrics.csv").open(newline="") as file:
        rows = [{key: value for key, value in row.items() if value} for row in csv.DictReader(file)]
    figures = [str(path.relative_to(folder)) for kind in ("figures", "assays") for path in (folder / kind).rglob("*")]
    named = {f"{name}: {key}": value for name, saved in checkpoints.items() for key, value in saved.items()}
    left: dict[str, Any] = timeless(
        named
        | {
            "checkpoints": sorted(checkpoints),
            "metrics.csv": rows,
            "history of W&B": comparable_history(folder),
            "results.json": json.loads((folder / "results.json").read_text()),
            "config.yaml": (folder / "config.yaml").read_text(),
            "names of figures": sorted(figures),
        },
        folder,
    )
    return left


@contextmanager
def scratch(root: Path) -> Iterator[Path]:
    """Yield a temporary folder below ``root``."""
    folder = Path(tempfile.mkdtemp(dir=root, prefix="kill_runs_"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def chain(
    options: dict[str, Any], folder: Path, temporary: Path, kills: int, draw: Callable[[], Moment], rng: random.Random
) -> tuple[list[Moment], str]:
    """Train in ``folder``, killed ``kills`` times; return the moments, and the error if there was one."""
    log, done = folder.with_suffix(".log"), list[Moment]()
    for _ in range(10 * kills):
        if len(done) == kills:
            break
        moment = draw()
        code = start(resumed_arguments(options, folder, rng), log, temporary, moment, rng)
        if code is None:
            done.append(moment)
        elif code != 0:
            return done, f"exit code {code}"
        if not (folder / "checkpoints" / "last.ckpt").is_file():
            shutil.rmtree(folder, ignore_errors=True)  # nothing to resume
    code = start(resumed_arguments(options, folder, rng), log, temporary, None, rng)
    return done, "" if code == 0 else f"exit code {code}"


def differences(whole: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Return the keys that differ."""
    return sorted(key for key in whole.keys() | found.keys() if whole.get(key) != found.get(key))


def main() -> int:
    """Kill, resume and compare; return 0 if all runs agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=60, help="minimum number of kills in total")
    parser.add_argument("--kills-per-run", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--other", type=Path, help="a folder on another file system")
    parser.add_argument("--keep", action="store_true", help="keep the runs that differ")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    places = [options.folder] + ([options.other] if options.other else [])
    runs, held, kills, failures = 0, 0, Counter[str](), list[str]()
    with scratch(options.folder) as temporary:
        warm_up(temporary)
        wholes = {case: whole_run(case, temporary, rng) for case in options.cases}
        while kills.total() < options.kills:
            for case in options.cases:
                for place in places:
                    with scratch(place) as root:
                        moments, wrong = killed_run(case, root / "run", temporary, wholes[case], options, rng)
                        runs, held = runs + 1, held + (not wrong)
                        kills.update("clock" if m.event is None else m.event for m in moments)
                        said = f"{case} in {place}, killed {', '.join(map(str, moments))}: {wrong or 'ok'}"
                        print(said, flush=True)
                        if wrong:
                            failures.append(said)
                            if options.keep:
                                shutil.copytree(root, Path(f"{root}_kept"))
    by_event = ", ".join(f"{count} {event}" for event, count in kills.most_common())
    print(f"\n{kills.total()} kills ({by_event}) in {runs} runs in {', '.join(map(str, places))}:")
    print(f"{held} runs agree, {runs - held} differ")
    print("\n".join(failures))
    return 0 if not failures else 1


def warm_up(folder: Path) -> None:
    """Do the imports of every start once, before there are threads that a fork would lose."""
    with chdir(folder):
        prepare(arguments_of(SMALL | {"trainer.logger": "false"}, folder / "warm_up"), RunCLI)._leave_folder()


def whole_run(case: str, temporary: Path, rng: random.Random) -> tuple[dict[str, Any], dict[str, int], float]:
    """Return the output of an uninterrupted run, its event counts and its seconds."""
    folder = temporary / "whole" / case / "run"  # the name of all runs, which their records have
    folder.parent.mkdir(parents=True, exist_ok=True)
    log, begin = folder.with_suffix(".log"), time.monotonic()
    code = start((arguments_of(SMALL | CASES[case], folder), folder.parent), log, temporary, None, rng)
    if code != 0:
        raise RuntimeError(f"{case} ended with {code}: {log.read_text()}")
    seconds = time.monotonic() - begin
    return left_by(folder), json.loads(log.with_suffix(".events").read_text()), seconds


def killed_run(
    case: str,
    folder: Path,
    temporary: Path,
    whole: tuple[dict[str, Any], dict[str, int], float],
    options: argparse.Namespace,
    rng: random.Random,
) -> tuple[list[Moment], str]:
    """Return when a run was killed, and how it differs from ``whole``; empty if it does not."""
    left, counts, seconds = whole
    moments, wrong = chain(
        SMALL | CASES[case],
        folder,
        temporary,
        options.kills_per_run,
        lambda: draw_moment(counts, seconds, rng),
        rng,
    )
    if wrong:
        return moments, f"{wrong}: {folder.with_suffix('.log').read_text()[-2000:]}"
    try:
        differing = differences(left, left_by(folder))
    except (OSError, ValueError, KeyError, IndexError) as error:
        return moments, repr(error)
    return moments, f"differs in {', '.join(differing)}" if differing else ""


if __name__ == "__main__":
    raise SystemExit(main())
