"""Processes that train in turns, each in its own environment, so that changes of the machine's load affect all alike.

A contestant calls :meth:`Turns.step` after each of its steps. The call waits for the contestant's turn, and reports how
long its steps took. This file uses only the standard library, because peers import it without this package.
"""

import json
import os
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_SOCKET = "BENCHMARK_SOCKET"


class Turns:
    """The contestant's side."""

    def __init__(self) -> None:
        self._stream = socket.socket(fileno=int(os.environ[_SOCKET])).makefile("rw")
        self._begun = self._timing = False
        self._start, self._done, self._warm_up, self._steps = 0.0, 0, 0, 0

    def step(self, count: int = 1) -> None:
        """Count ``count`` steps made since the last call.

        Raises:
            KeyboardInterrupt: After the last turn.
        """
        self._done += count
        if not self._begun:
            self._begun = True
            self._send({"first_step": time.time()})
            self._wait()
        elif not self._timing and self._done >= self._warm_up:
            self._timing, self._start, self._done = True, time.perf_counter(), 0
        elif self._timing and self._done >= self._steps:
            self._send({"seconds": time.perf_counter() - self._start, "steps": self._done})
            self._wait()

    def _send(self, message: dict[str, float]) -> None:
        self._stream.write(json.dumps(message) + "\n")
        self._stream.flush()

    def _wait(self) -> None:
        line = self._stream.readline()
        if not line:
            raise KeyboardInterrupt
        order = json.loads(line)
        self._timing, self._done = False, 0
        self._warm_up, self._steps = order["warm_up"], order["steps"]


class CountSteps:
    """Reports the steps of a Trainer; a mixin for Lightning's ``Callback``, from either Lightning package."""

    def __init__(self) -> None:
        self._turns, self._seen = Turns(), 0

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        """Report the steps of the batch, one or more."""
        count, self._seen = trainer.global_step - self._seen, trainer.global_step
        self._turns.step(count)


class ContestantError(RuntimeError):
    """A contestant ended early; the message contains its last line of output."""


class Contestant:
    """The benchmark's side: a running process that has made its first step.

    Attributes:
        name: Name in tables.
        seconds_to_first_step: Seconds from process start to the end of the first step.

    Args:
        name: Name in tables.
        command: Program and arguments.
        folder: Working folder, which also receives the output.
        environment: Additional environment variables.
    """

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "output.txt"
        ours, theirs = socket.socketpair()
        started = time.time()
        with self._log.open("w") as log, theirs:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=os.environ | dict(environment or {}) | {_SOCKET: str(theirs.fileno())},
                pass_fds=[theirs.fileno()],
            )
        self._socket, self._stream = ours, ours.makefile("rw")
        self.seconds_to_first_step = self._receive()["first_step"] - started

    def turn(self, warm_up: int, steps: int) -> float:
        """Let the contestant make ``warm_up`` steps and then ``steps`` counted ones; return steps per second."""
        self._stream.write(json.dumps({"warm_up": warm_up, "steps": steps}) + "\n")
        self._stream.flush()
        report = self._receive()
        return report["steps"] / report["seconds"]

    def memory(self) -> tuple[float, float]:
        """Return the process's own memory and its share of mapped files in MB, including its children."""
        own = mapped = 0.0
        for process in _tree(self._process.pid):
            sizes = _proportional_sizes(process)
            own, mapped = own + sizes["Pss_Anon"], mapped + sizes["Pss_File"] + sizes["Pss_Shmem"]
        return own, mapped

    def peak_memory(self) -> float:
        """Return the peak of the process's resident memory in MB, with mapped files, without its children."""
        lines = dict(line.split(":") for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024 / 1e6

    def stop(self) -> None:
        """End the process."""
        self._stream.close()
        self._socket.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _receive(self) -> dict[str, float]:
        line = self._stream.readline()
        if not line:
            self.stop()
            lines = [line for line in self._log.read_text().splitlines() if line.strip()]
            raise ContestantError(f"{self.name} ended: {lines[-1] if lines else 'without output'}")
        message: dict[str, float] = json.loads(line)
        return message


def _tree(process: int) -> list[int]:
    """Return ``process`` and all its descendants."""
    found = [process]
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in task.read_text().split():
            found += _tree(int(child))
    return found


def _proportional_sizes(process: int) -> dict[str, float]:
    """Return the memory sizes of a process in MB; shared pages count proportionally."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) * 1024 / 1e6 for line in lines}
