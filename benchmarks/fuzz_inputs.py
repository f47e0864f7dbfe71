"""Pass corrupted files to every reader: the result must be data or a one-line error, within time and memory limits.

    python benchmarks/fuzz_inputs.py                   # 100 corrupted inputs of each kind, and the malicious ones
    python benchmarks/fuzz_inputs.py --kinds yaml,h5 --inputs 1000 --seed 1
    python benchmarks/fuzz_inputs.py --kinds h5 --only 17   # one input again, with its traceback

An input fails if its reader raises an error without a message for the user, takes more than 30 s or 3 GB, or ends the
process. Inputs depend only on the seed, the kind and their number.
"""

import argparse
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from fuzz_kinds import KINDS, Kind, corrupt

from lr_lightning.commands.failure import fail

LARGEST_MEMORY = 3 << 30
LONGEST_SECONDS = 30.0
_LONGEST_IMPORTS = 300.0


class Outcome(NamedTuple):
    """Outcome for one input.

    Attributes:
        kind: Name of its kind.
        number: Its number, from 0.
        failure: What went wrong; empty on success.
        message: The last line of the reader's error output, or ``"read"``.
        seconds: Elapsed time.
        memory: Peak memory of the process in bytes.
    """

    kind: str
    number: int
    failure: str
    message: str
    seconds: float
    memory: int


def fuzz(
    kinds: Sequence[Kind], num_inputs: int, seed: int = 0, longest: float = LONGEST_SECONDS, most: int = LARGEST_MEMORY
) -> Iterator[Outcome]:
    """Yield the outcome of each input of each kind: the malicious ones, and ``num_inputs`` randomly corrupted ones.

    Inputs are read one after the other in forked processes; a process that hangs or dies is replaced.

    Args:
        kinds: Kinds of input to corrupt.
        num_inputs: Number of corrupted inputs of each kind.
        seed: Seed of all corruption.
        longest: Time limit per input in seconds.
        most: Limit on additional memory per input in bytes.
    """
    with tempfile.TemporaryDirectory(prefix="fuzz_") as root:
        for kind in kinds:
            numbers = list(range(len(kind.malicious) + num_inputs))
            while numbers:
                for outcome in _in_one_process(kind, numbers, seed, Path(root), longest, most):
                    yield outcome
                numbers = numbers[numbers.index(outcome.number) + 1 :]


def _in_one_process(
    kind: Kind, numbers: Sequence[int], seed: int, root: Path, longest: float, most: int
) -> Iterator[Outcome]:
    """Yield outcomes until all inputs are done, or one hangs or ends its process."""
    context = get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(kind, numbers, seed, root, most, sender))
    process.start()
    sender.close()
    try:
        if not receiver.poll(_LONGEST_IMPORTS):
            raise TimeoutError(f"{kind.name}: intact files were not read within {_LONGEST_IMPORTS:g} s")
        receiver.recv()
        for number in numbers:
            start = time.perf_counter()
            try:
                if not receiver.poll(longest):
                    yield Outcome(kind.name, number, f"took more than {longest:g} s", "", longest, 0)
                    return
                yield receiver.recv()
            except EOFError:
                process.join()
                code = process.exitcode or 0
                ended = signal.Signals(-code).name if code < 0 else code
                yield Outcome(kind.name, number, f"ended its process ({ended})", "", time.perf_counter() - start, 0)
                return
    finally:
        process.kill()
        process.join()
        receiver.close()


def _work(kind: Kind, numbers: Sequence[int], seed: int, root: Path, most: int, sender: Connection) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("default")  # as for a user, whatever the filters of a test
    whole = root / f"{kind.name}.whole"
    if not whole.exists():
        whole.mkdir()
        with redirect_stdout(StringIO()):
            kind.write(whole)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    size = _memory("VmSize") + 2 * most  # protects the machine
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    folder = root / "input"
    if kind.imports:
        _copy(whole, folder)
        _read(kind, -1, folder, most)
    sender.send("ready")
    for number in numbers:
        _copy(whole, folder)
        sender.send(attempt(kind, number, folder, seed, most))


def _copy(whole: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)


def attempt(kind: Kind, number: int, folder: Path, seed: int, most: int = LARGEST_MEMORY) -> Outcome:
    """Corrupt the intact files in ``folder`` and read them."""
    if number < len(kind.malicious):
        kind.malicious[number](folder)
    else:
        corrupt(kind, folder, np.random.default_rng([seed, *kind.name.encode(), number]))
    return _read(kind, number, folder, most)


def _read(kind: Kind, number: int, folder: Path, most: int) -> Outcome:
    os.chdir(folder)
    said, start = StringIO(), time.perf_counter()
    _forget_peak()
    before = _memory("VmRSS")
    with redirect_stdout(StringIO()), redirect_stderr(said):
        try:
            code = kind.read(folder) or 0
        except Exception as error:
            code = fail(kind.name, error)
    seconds, memory = time.perf_counter() - start, _memory("VmHWM") - before
    lines = said.getvalue().split("\n")
    failure = ""
    if "Traceback" in said.getvalue() or any("LR_LIGHTNING_TRACEBACK" in line for line in lines):
        failure = "no message for the user"
    elif code not in (0, 1, 2) or (code and not said.getvalue().strip()):
        failure = f"exit code {code}"
    elif memory > most or "MemoryError" in said.getvalue() or "allocate" in said.getvalue():
        failure = f"used {memory / 1e9:.1f} GB, or requested more"
    last = next((line for line in reversed(lines) if line.strip()), "nothing") if code else "read"
    return Outcome(kind.name, number, failure, last[:300], seconds, memory)


def _memory(entry: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{entry}:"):
            return 1024 * int(line.split()[1])
    raise ValueError(f"no {entry} in /proc/self/status")


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM


def report(outcomes: Sequence[Outcome]) -> str:
    """Return a table of inputs by kind and outcome, and the failures."""
    rows = [f"{'kind':14} {'inputs':>6} {'passed':>6} {'read':>6} {'rejected':>8} {'slowest s':>10} {'most MB':>8}"]
    names = list(dict.fromkeys(outcome.kind for outcome in outcomes))
    for name in (*names, "all"):
        of_kind = [outcome for outcome in outcomes if name in (outcome.kind, "all")]
        held = [outcome for outcome in of_kind if not outcome.failure]
        read = sum(outcome.message == "read" for outcome in held)
        slowest, most = max(outcome.seconds for outcome in of_kind), max(outcome.memory for outcome in of_kind) / 1e6
        counts = f"{len(of_kind):6} {len(held):6} {read:6} {len(held) - read:8}"
        rows.append(f"{name:14} {counts} {slowest:10.1f} {most:8.0f}")
    failures = [outcome for outcome in outcomes if outcome.failure]
    rows += [f"FAILED {o.kind} --only {o.number}: {o.failure}; {o.message}" for o in failures]
    return "\n".join(rows)


def main() -> int:
    """Run all inputs; return 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", help=f"comma-separated, from {', '.join(kind.name for kind in KINDS)}")
    parser.add_argument("--inputs", type=int, default=100, help="corrupted inputs of each kind (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="number of a single input, run with its traceback")
    arguments = parser.parse_args()
    names = arguments.kinds.split(",") if arguments.kinds else [kind.name for kind in KINDS]
    kinds = [kind for kind in KINDS if kind.name in names]
    os.environ["WANDB_MODE"] = "disabled"
    if arguments.only is not None:
        os.environ["LR_LIGHTNING_TRACEBACK"] = "1"
        folder = Path(tempfile.mkdtemp(prefix="fuzz_"))
        kinds[0].write(folder)
        print(folder, attempt(kinds[0], arguments.only, folder, arguments.seed))
        return 0
    outcomes = []
    for outcome in fuzz(kinds, arguments.inputs, arguments.seed):
        outcomes.append(outcome)
        if outcome.failure:
            print(f"{outcome.kind} {outcome.number}: {outcome.failure}; {outcome.message}", flush=True)
    print(report(outcomes))
    endings = Counter((outcome.kind, outcome.message.split(":")[-1][:60]) for outcome in outcomes)
    print(f"{len(endings):,} different outcomes")
    return int(any(outcome.failure for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
