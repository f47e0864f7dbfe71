"""A lock on a folder for one process at a time, across all hosts that share the file system."""

import json
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from operator import eq
from pathlib import Path
from typing import Any

LEASE = ".lease"
HEARTBEAT = 10.0
"""Seconds between two heartbeats."""
STALE_AFTER = 60.0
"""Seconds without a heartbeat after which a holder on another machine is considered dead."""
_SETTLE = 0.5
_POLL = 0.25
_BEAT = "{:012d}\n"


class FolderInUseError(OSError):
    """Another process holds the folder."""


class LeaseLostError(OSError):
    """The folder was removed, or another process has taken it over."""


@dataclass(frozen=True)
class Holder:
    """The holder of a lease.

    Attributes:
        token: A random token of this lease.
        host: Name of the host, for messages.
        pid: Process id, meaningful only on ``machine``.
        machine: Boot id and PID namespace (containers have their own) to which ``pid`` belongs; empty if unknown.
        born: Start time of the process, which distinguishes it from later ones with the same id; empty if unknown.
        since: Start time of the lease, on the holder's clock, for messages.
    """

    token: str
    host: str
    pid: int
    machine: str
    born: str
    since: str

    @classmethod
    def this_process(cls) -> "Holder":
        """Return this process as a holder, with a new token."""
        pid = os.getpid()
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        return cls(secrets.token_hex(8), socket.gethostname(), pid, _machine(), _birth(pid) or "", since)

    @property
    def is_near(self) -> bool:
        """Whether the holder's process id is meaningful on this machine."""
        return bool(self.machine) and self.machine == _machine()

    @property
    def is_dead(self) -> bool:
        """Whether the process is known to have ended; ``False`` if unknown."""
        if not self.is_near:
            return False
        born = _birth(self.pid)
        return born is None or (bool(self.born) and bool(born) and born != self.born)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


class Lease:
    """The right to write to a folder, from :func:`acquire` until :meth:`release` or the end of the process.

    A thread renews it with a heartbeat every :data:`HEARTBEAT` seconds. A process that is suspended for longer than
    :data:`STALE_AFTER` seconds may lose it; :meth:`check` detects this.

    Pickled copies can check the lease, but neither renew nor release it.

    Attributes:
        folder: The folder.
        holder: This process.
    """

    def __init__(self, folder: Path, holder: Holder, descriptor: int) -> None:
        self.folder = folder
        self.holder = holder
        self._inode = _inode(folder)
        self._descriptor: int | None = descriptor
        self._offset = os.fstat(descriptor).st_size - len(_BEAT.format(0))
        self._beats = 0
        self._loss: str | None = None
        self._looking = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease of {folder}", daemon=True)
        self._thread.start()

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "holder": self.holder, "_inode": self._inode, "_loss": self._loss}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _descriptor=None, _looking=threading.Lock())

    @property
    def loss(self) -> str | None:
        """How the lease was lost, as of the last heartbeat or check; ``None`` while it is held."""
        return self._loss

    def check(self) -> None:
        """Check that the lease is still held.

        Raises:
            LeaseLostError: If it is not.
        """
        with suppress(OSError):  # an unresponsive file system is no proof of a loss
            self._look()
        self.raise_if_lost()

    def raise_if_lost(self) -> None:
        """Raise ``LeaseLostError`` if the last heartbeat or check found the lease lost, without accessing the disk."""
        if self._loss is not None:
            raise LeaseLostError(self._loss)

    def release(self) -> None:
        """Release the folder; does nothing if it has been released or lost already."""
        if self._descriptor is None:
            return
        self._ended.set()
        self._thread.join()
        os.close(self._descriptor)
        self._descriptor = None
        _remove(self.folder / LEASE, lambda content: _holder(content) == self.holder)

    def _renew(self) -> None:
        while not self._ended.wait(HEARTBEAT) and self._loss is None:
            with suppress(OSError):  # a takeover while the file system is unresponsive is noticed at the next heartbeat
                self._beat()
                self._look()

    def _beat(self) -> None:
        """Write a heartbeat through this process's own descriptor, so that a file that replaced it is not changed."""
        assert self._descriptor is not None
        self._beats += 1
        os.pwrite(self._descriptor, _BEAT.format(self._beats).encode(), self._offset)
        os.fsync(self._descriptor)

    def _look(self) -> None:
        with self._looking:
            self._find_loss()

    def _find_loss(self) -> None:
        deadline = time.monotonic() + 2 * _SETTLE
        while (content := _read(self.folder / LEASE)) is None and _inode(self.folder) == self._inode:
            # another process may have moved the file away by mistake, and be about to put it back
            if time.monotonic() > deadline and not self._write_again():
                break
            time.sleep(_SETTLE / 10)
        if content is None:
            self._loss = f"{self.folder} was removed while it was in use"
        elif (holder := _holder(content)) != self.holder:
            self._loss = f"{self.folder} was taken over by {holder or 'another process'}"

    def _write_again(self) -> bool:
        """Restore a lease file that was deleted from an existing folder; return whether this succeeded."""
        if self._descriptor is None or (descriptor := _create(self.folder / LEASE, self.holder)) is None:
            return False
        os.dup2(descriptor, self._descriptor, inheritable=False)
        os.close(descriptor)
        return True


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def acquire(folder: Path, wait: bool = True, tell: Callable[[str], object] = _say) -> Lease:
    """Acquire the lease of ``folder``.

    Whether a holder on this machine is alive is known; a dead one is replaced at once. A holder on another machine is
    watched: a heartbeat shows that it is alive, :data:`STALE_AFTER` seconds without one that it is dead. Time is
    measured by this machine's clock only, so the clocks need not agree.

    The lease is exclusive on file systems with exclusive file creation, including NFS from version 3.

    Args:
        folder: An existing folder.
        wait: Whether to wait for a sign of life of a holder on another machine; otherwise it is assumed to be alive.
        tell: Called with a message before waiting, and when a dead holder is replaced.

    Raises:
        FolderInUseError: If another process holds it.
        OSError: If the folder cannot be written to.
    """
    path, holder, watch = folder / LEASE, Holder.this_process(), _Watch()
    replaced = False
    while (descriptor := _create(path, holder)) is None:
        content = _read(path)
        if content is None:
            continue  # just released
        other = _holder(content)
        name = other or "another process"
        if other is not None and other.is_dead:
            tell(f"{folder}: taken over from {name}, which ended without releasing it")
        elif (other is not None and other.is_near) or not wait or watch.shows_life(content):
            raise FolderInUseError(f"{folder} is in use by {name}")
        elif watch.seconds < STALE_AFTER:
            if watch.looks == 1:
                tell(f"{folder}: in use by {name}; waiting up to {STALE_AFTER:.0f} s for a sign of life")
            time.sleep(_POLL)
            continue
        else:
            tell(f"{folder}: taken over from {name}, which gave no sign of life for {STALE_AFTER:.0f} s")
        replaced = _remove(path, partial(eq, content)) or replaced
    lease = Lease(folder, holder, descriptor)
    if replaced:
        time.sleep(_SETTLE)  # until other processes that replace the same dead holder have noticed this lease
        try:
            lease.check()
        except LeaseLostError as error:
            lease.release()
            raise FolderInUseError(str(error)) from error
    return lease


def age(folder: Path) -> float:
    """Return the seconds since the last heartbeat in ``folder`` by the clock of its file system, 0 without a lease.

    This is only a hint: some network file systems use the clock of the writing host.
    """
    probe = folder / f"{LEASE}.{secrets.token_hex(4)}"
    try:
        probe.touch()
        return max(probe.stat().st_mtime - (folder / LEASE).stat().st_mtime, 0.0)
    except FileNotFoundError:
        return 0.0
    finally:
        probe.unlink(missing_ok=True)


@dataclass(frozen=True)
class Sighting:
    """A lease as another process sees it at one moment.

    Attributes:
        holder: Who holds it; ``None`` while the file is being written or if it is damaged.
        silence: Seconds since the last heartbeat, only a hint if the file is written on a host with another clock.
    """

    holder: Holder | None
    silence: float

    @property
    def seems_alive(self) -> bool:
        """Whether the holder still works: known on its own machine, judged by its heartbeat from another one."""
        if self.holder is not None and self.holder.is_near:
            return not self.holder.is_dead
        return self.silence < STALE_AFTER


def sight(folder: Path) -> Sighting | None:
    """Return the lease of ``folder`` as it is, without waiting, writing or acquiring it; ``None`` without a lease."""
    try:
        modified = (folder / LEASE).stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return None
    content = _read(folder / LEASE)
    return None if content is None else Sighting(_holder(content), max(time.time() - modified, 0.0))


class LeaseWatch:
    """Observes the lease of a folder from outside, to find out when the folder may be acquired.

    Args:
        folder: The folder; it need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LEASE
        self._content: bytes | None = None
        self._since = 0.0

    def is_free(self) -> bool:
        """Return whether nobody holds the folder, or its holder is dead.

        A holder on another machine is considered dead if :data:`STALE_AFTER` seconds pass between observations without
        a heartbeat.
        """
        content = _read(self._path)
        if content is None:
            return True
        holder = _holder(content)
        if holder is not None and holder.is_near:
            return holder.is_dead
        if content != self._content:
            self._content, self._since = content, time.monotonic()
        return time.monotonic() - self._since >= STALE_AFTER


class _Watch:
    """Observations of another machine's lease, timed by this machine's clock.

    Attributes:
        looks: Number of observations.
    """

    def __init__(self) -> None:
        self.looks = 0
        self._first = b""
        self._begin = 0.0

    @property
    def seconds(self) -> float:
        """Seconds since the first observation."""
        return time.monotonic() - self._begin

    def shows_life(self, content: bytes) -> bool:
        """Return whether ``content`` has changed since the first observation."""
        self.looks += 1
        if self.looks == 1:
            self._first, self._begin = content, time.monotonic()
        return content != self._first


def _create(path: Path, holder: Holder) -> int | None:
    """Create the lease file with ``holder`` and a first heartbeat; return it open, ``None`` if a lease exists."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o644)
    except FileExistsError:
        return None
    os.write(descriptor, f"{json.dumps(asdict(holder))}\n{_BEAT.format(0)}".encode())
    os.fsync(descriptor)
    return descriptor


def _remove(path: Path, is_meant: Callable[[bytes], bool]) -> bool:
    """Remove the lease file if ``is_meant`` accepts its content; a file that has replaced it is kept.

    Only one of several processes succeeds, because the file is renamed before it is read.
    """
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    content = _read(path)
    if content is None or not is_meant(content):
        return False
    try:
        path.rename(aside)
    except FileNotFoundError:
        return False
    meant = is_meant(_read(aside) or b"")
    if not meant:
        try:
            os.link(aside, path)
        except FileExistsError:
            pass  # a third process was faster; the one whose file was moved will notice
        except OSError:  # no hard links on this file system
            if not path.exists():
                aside.rename(path)
    aside.unlink(missing_ok=True)
    return meant


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()  # reopened each time, because network file systems cache open files
    except (FileNotFoundError, NotADirectoryError):
        return None


def _holder(content: bytes) -> Holder | None:
    """Return the holder in a lease file, ``None`` while it is being written or if it is damaged."""
    try:
        return Holder(**json.loads(content.split(b"\n")[0]))
    except (ValueError, TypeError):
        return None


def _inode(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _machine() -> str:
    """Return an identifier of the scope within which process ids can be compared; empty if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _birth(pid: int) -> str | None:
    """Return the start time of a process on this machine, empty if unknown, ``None`` if it has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # another user's process
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return None if state in "ZX" else fields[18]
