"""Starts or joins a Ray cluster, and knows what its nodes have room for."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from lr_lightning.commands.messages import UsageError
from lr_lightning.common.cores import num_cores
from lr_lightning.study.manifest import Resources

_KNOCK = 5.0
_STATUS = 13.0
"""Seconds until an address counts as unreachable: for a connection, and for an answer of Ray."""
_AUTHENTICATION = "RAY_AUTH_MODE"
_OBJECT_STORE = 100_000_000
"""Bytes. Jobs return a few lines, and leave everything else in their folders."""
_LONGEST_FOLDER = 40
"""Characters. Ray's sockets have names of about 65 below its folder, and Linux allows 107 in all."""


def check_ray() -> None:
    """Raise ``ModuleNotFoundError`` if Ray is not installed."""
    if find_spec("ray") is None:
        raise ModuleNotFoundError("the engine ray needs Ray: pip install 'lr-lightning[study]'")


@dataclass(frozen=True)
class Node:
    """A node that is alive.

    Attributes:
        name: Its address.
        cpus: Its CPUs, used or not.
        gpus: Its GPUs.
    """

    name: str
    cpus: float
    gpus: float

    def room(self, resources: Resources) -> int:
        """Return how many jobs fit on it."""
        cpus = 1.0 if resources.cpus is None else resources.cpus
        room = [int(self.cpus / cpus + 1e-9)] if cpus else []
        if 0 < resources.gpus < 1:  # a job does not get its share from several devices
            room.append(int(self.gpus) * int(1 / resources.gpus + 1e-9))
        elif resources.gpus:
            room.append(int(self.gpus / resources.gpus))
        return min(room)

    def __str__(self) -> str:
        return f"{self.name} (CPUs: {self.cpus:g}, GPUs: {self.gpus:g})"


class RayCluster:
    """A connection to a Ray cluster; a process that is connected already stays so.

    Args:
        address: ``"auto"`` for the cluster that this machine belongs to, or the host and port of its head; ``None`` to
            start one on this machine that ends with this process.

    Raises:
        ModuleNotFoundError: If Ray is not installed.
        ConnectionError: If there is no cluster at ``address``.
    """

    def __init__(self, address: str | None = None) -> None:
        check_ray()
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        is_connected = "ray" in sys.modules and sys.modules["ray"].is_initialized()
        if address is not None and not is_connected:
            _check_reachable(address)  # before Ray is imported, which reads the mode of authentication
        self.ray = import_module("ray")
        self._folder: Path | None = None
        self._is_own = not is_connected
        self._print: Callable[..., object] | None = None
        if is_connected:
            return
        handler = signal.getsignal(signal.SIGTERM)
        try:
            self._start() if address is None else self._join(address)
        except BaseException:
            self.close()
            raise
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, handler)  # Ray sets its own
        # Ray prints a paragraph on standard output for each process that it loses, and has no setting for it. The
        # driver reports these losses.
        worker = self.ray._private.worker
        self._print, worker.print_to_stdstream = worker.print_to_stdstream, lambda *_, **__: None

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that are alive."""
        alive = [node for node in self.ray.nodes() if node["Alive"]]
        resources = [(node["NodeManagerAddress"], node["Resources"]) for node in alive]
        return tuple(Node(name, has.get("CPU", 0.0), has.get("GPU", 0.0)) for name, has in resources)

    def close(self) -> None:
        """Leave the cluster, which ends all workers; a cluster that was started here ends."""
        if self._is_own:
            self.ray.shutdown()
        if self._print is not None:
            self.ray._private.worker.print_to_stdstream = self._print
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        # otherwise Ray writes a token to the home folder, which changes what `ray start` does later
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        self._folder = Path(tempfile.mkdtemp(prefix="lr_ray_", dir=_short_folder()))
        self.ray.init(
            "local",
            num_cpus=num_cores(),
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE,
            log_to_driver=False,
            logging_level="ERROR",
            _temp_dir=str(self._folder),
            _node_ip_address="127.0.0.1",  # nobody else can connect
        )

    def _join(self, address: str) -> None:
        try:
            self.ray.init(address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ConnectionError(f"cannot join the Ray cluster at --address {address}: {reason}") from error


def check_room(resources: Resources, nodes: tuple[Node, ...]) -> None:
    """Check that a job fits on a node.

    Raises:
        UsageError: If it fits on none.
    """
    if resources.gpus > 1 and not float(resources.gpus).is_integer():
        raise UsageError(f"resources.gpus must be a share of one device or a whole number, got {resources.gpus:g}")
    if not any(node.room(resources) for node in nodes):
        cpus = 1.0 if resources.cpus is None else resources.cpus
        raise UsageError(
            f"no node of the Ray cluster has resources.cpus {cpus:g} with resources.gpus {resources.gpus:g}; it has "
            f"{', '.join(map(str, nodes)) or 'no nodes'}: lower them in the study file, or add a node first"
        )


def _short_folder() -> str | None:
    """Return the folder of temporary files, or a shorter one if Ray's sockets would have too long names in it."""
    return "/tmp" if len(tempfile.gettempdir()) + len("/lr_ray_12345678") > _LONGEST_FOLDER else None


def _check_reachable(address: str) -> None:
    """Check that a cluster responds at ``address``.

    ``ray.init`` would try for two minutes, and then end this process.

    Raises:
        UsageError: If it is no address.
        ConnectionError: If there is none.
    """
    if address != "auto":
        host, _, port = address.rpartition(":")
        if not host or "/" in host or not port.isdecimal():
            raise UsageError(f"--address must be auto or HOST:PORT, got {address!r}")
        try:
            socket.create_connection((host.strip("[]"), int(port)), _KNOCK).close()
        except (OSError, OverflowError) as error:
            raise ConnectionError(f"nothing can be reached at --address {address} ({error})") from error
    reason = _failure(address)
    if "AuthenticationError" in reason and _AUTHENTICATION not in os.environ:
        # `ray start --head` protects a cluster if it finds a token in the home folder; `ray.init` and `ray status` use
        # the token only if this variable says so
        os.environ[_AUTHENTICATION] = "token"
        reason = _failure(address)
    if reason:
        raise ConnectionError(f"no Ray cluster can be joined at --address {address} ({reason})")
    os.environ.setdefault(_AUTHENTICATION, "disabled")  # with "auto", Ray would use a token that this cluster lacks


def _failure(address: str) -> str:
    """Return why Ray's own command finds no cluster at ``address``, an empty string if it does."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "status", "--address", address]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_STATUS)
    except subprocess.TimeoutExpired:
        return f"nothing responds for {_STATUS:.0f} s; give the address that `ray start --head` printed"
    if not done.returncode:
        return ""
    lines = [line for line in done.stderr.splitlines() if "Error: " in line]  # others are of the traceback
    return lines[-1] if lines else f"`ray status` ends with exit code {done.returncode}"
