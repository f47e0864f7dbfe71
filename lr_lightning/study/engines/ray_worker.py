"""The actor of :class:`~lr_lightning.study.engines.ray_engine.RayEngine` that does jobs in a worker process.

The engine sends this module's classes by value. A machine on which this package is missing, or is another version, can
therefore still say so; for the same reason, nothing of the package is imported before the check.
"""

import os
import pickle
import socket
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Setup:
    """What a worker needs before its first job.

    Attributes:
        version: Version of this package that the driver runs.
        work: The pickled work.
        environment: Environment variables.
        path: Where the driver looks for modules, which workers do after their own places.
        folder: Working folder.
        token: A file that the driver has written.
        logs: Folder of what workers print.
    """

    version: str
    work: bytes
    environment: dict[str, str]
    path: list[str]
    folder: Path
    token: Path
    logs: Path


class RayWorker:
    """Does jobs, one after the other."""

    def prepare(self, setup: Setup) -> tuple[str, str]:
        """Get ready for jobs; return the name of this process, and why it cannot do jobs, an empty string if it can.

        Args:
            setup: What it needs.
        """
        machine = socket.gethostname()
        return f"worker process {os.getpid()} on {machine}", self._obstacle(setup, machine)

    def _obstacle(self, setup: Setup, machine: str) -> str:
        # before torch and numpy are imported, which read the numbers of threads
        os.environ.update(setup.environment)
        # Ray adds the driver's working folder in front, where its files would shadow modules
        own = [place for place in sys.path if place != str(setup.folder) or place in setup.path]
        sys.path[:] = own + [place for place in setup.path if place not in own]
        try:
            version = str(import_module("lr_lightning").__version__)
        except ModuleNotFoundError:
            return f"lr_lightning is not installed for {sys.executable} on {machine}; install version {setup.version}"
        if version != setup.version:
            return f"lr_lightning is version {version} on {machine}, but {setup.version} on the machine of the driver"
        for path in (setup.token, setup.folder):
            if not path.exists():
                return (
                    f"{path.parent if path == setup.token else path} is not the same folder on {machine} as on the "
                    "machine of the driver; studies and the working folder must be on storage that all nodes share"
                )
        try:
            os.chdir(setup.folder)
            self._redirect(setup.logs / f"{machine}-{os.getpid()}.log")
            self._work = pickle.loads(setup.work)
        except (OSError, ImportError, AttributeError) as error:
            return f"a worker cannot start on {machine}: {error}"
        return ""

    def attempt(self, job: Any) -> Any:
        """Return the outcomes of a job, or a sentence if it was lost.

        Args:
            job: A :class:`~lr_lightning.study.job.Job`.
        """
        return import_module("lr_lightning.study.engines.attempt").attempt(self._work, job)

    @staticmethod
    def _redirect(log: Path) -> None:
        """Write what this process and its children print to a file, instead of Ray's folder on this machine."""
        with log.open("ab") as output:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            for descriptor in (1, 2):
                os.dup2(output.fileno(), descriptor)
