"""A folder that one process at a time works in, on any host that sees it."""

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
"""Seconds without a heartbeat after which a holder on another machine is taken for dead."""
_SETTLE = 0.5
_POLL = 0.25
_BEAT = "{:012d}\n"


class FolderInUseError(OSError):
    """Another process works in the folder."""


class LeaseLostError(OSError):
    """The folder was removed, or another process has taken it over."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lease.

    Attributes:
        token: Drawn for this lease alone.
        host: Name of the host, to be shown.
        pid: Process id, which means something on ``machine`` only.
        machine: The start of the operating system and the set of processes that ``pid`` belongs to (a container has
            one of its own); empty where the system does not tell.
        born: When the process began, which tells it apart from a later one with the same id; empty if not known.
        since: When the lease began, in the holder's time, to be shown.
    """

    token: str
    host: str
    pid: int
    machine: str
    born: str
    since: str

    @classmethod
    def this_process(cls) -> "Holder":
        """Return this process, with a token of its own."""
        pid = os.getpid()
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        return cls(secrets.token_hex(8), socket.gethostname(), pid, _machine(), _birth(pid) or "", since)

    @property
    def is_near(self) -> bool:
        """Whether the holder's process id means something here."""
        return bool(self.machine) and self.machine == _machine()

    @property
    def is_dead(self) -> bool:
        """Whether the process is known to have ended; ``False`` if it cannot be known from here."""
        if not self.is_near:
            return False
        born = _birth(self.pid)
        return born is None or (bool(self.born) and bool(born) and born != self.born)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


class Lease:
    """The right to write to a folder, from :func:`acquire` until :meth:`release` or the end of the process.

    A thread renews it with a heartbeat every :data:`HEARTBEAT` seconds. A process that stops for longer than
    :data:`STALE_AFTER` seconds may lose it, which :meth:`check` tells.

    A copy made by pickling can check the lease and neither renews nor releases it.

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
        """How the lease was lost, as far as the last heartbeat or check knows; ``None`` while it is held."""
        return self._loss

    def check(self) -> None:
        """Look whether the lease is still held.

        Raises:
            LeaseLostError: If it is not.
        """
        with suppress(OSError):  # a file system that does not answer now tells nothing
            self._look()
        self.raise_if_lost()

    def raise_if_lost(self) -> None:
        """Raise ``LeaseLostError`` if the last heartbeat or check found the lease lost; does not look at the disk."""
        if self._loss is not None:
            raise LeaseLostError(self._loss)

    def release(self) -> None:
        """Give the folder back; does nothing if that has been done or the lease is lost."""
        if self._descriptor is None:
            return
        self._ended.set()
        self._thread.join()
        os.close(self._descriptor)
        self._descriptor = None
        _remove(self.folder / LEASE, lambda content: _holder(content) == self.holder)

    def _renew(self) -> None:
        while not self._ended.wait(HEARTBEAT) and self._loss is None:
            with suppress(OSError):  # if others take over while the file system does not answer, the next look tells
                self._beat()
                self._look()

    def _beat(self) -> None:
        """Count on in the file that this process made: if another has taken its place, that one is not touched."""
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
            # Another process may have moved the file away by mistake and put it back at once
            if time.monotonic() > deadline and not self._write_again():
                break
            time.sleep(_SETTLE / 10)
        if content is None:
            self._loss = f"{self.folder} was removed while it was in use"
        elif (holder := _holder(content)) != self.holder:
            self._loss = f"{self.folder} was taken over by {holder or 'another process'}, which works there now"

    def _write_again(self) -> bool:
        """Write a lease file that was deleted from a folder that is still there; return whether that was possible."""
        if self._descriptor is None or (descriptor := _create(self.folder / LEASE, self.holder)) is None:
            return False
        os.dup2(descriptor, self._descriptor, inheritable=False)
        os.close(descriptor)
        return True


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def acquire(folder: Path, wait: bool = True, tell: Callable[[str], object] = _say) -> Lease:
    """Return the lease of ``folder``, of which there is one at a time.

    A holder on this machine is known to live or not, and is replaced at once if it does not. One on another machine is
    watched: a heartbeat shows that it lives, :data:`STALE_AFTER` seconds without one that it does not. Time is
    measured on this machine's clock alone, so that those of the two need not agree.

    It is exclusive on file systems that create files exclusively, which NFS does from version 3 on.

    Args:
        folder: The folder, which exists.
        wait: Whether to watch a holder on another machine, or to take it for alive.
        tell: Called with a sentence before a wait and when a dead holder is replaced.

    Raises:
        FolderInUseError: If another process holds it.
        OSError: If the folder cannot be written to.
    """
    path, holder, watch = folder / LEASE, Holder.this_process(), _Watch()
    replaced = False
    while (descriptor := _create(path, holder)) is None:
        content = _read(path)
        if content is None:
            continue  # just given back
        other = _holder(content)
        name = other or "another process"
        if other is not None and other.is_dead:
            tell(f"{folder}: {name} has ended without giving the folder back, which is taken over")
        elif (other is not None and other.is_near) or not wait or watch.shows_life(content):
            raise FolderInUseError(f"{folder} is in use by {name}")
        elif watch.seconds < STALE_AFTER:
            if watch.looks == 1:
                tell(f"{folder}: {name} holds the folder; waiting {STALE_AFTER:.0f} s at most for a sign of its life")
            time.sleep(_POLL)
            continue
        else:
            tell(f"{folder}: no sign of life of {name} for {STALE_AFTER:.0f} s; the folder is taken over")
        replaced = _remove(path, partial(eq, content)) or replaced
    lease = Lease(folder, holder, descriptor)
    if replaced:
        time.sleep(_SETTLE)  # until whoever else found the same holder dead has seen that it was too late
        try:
            lease.check()
        except LeaseLostError as error:
            lease.release()
            raise FolderInUseError(str(error)) from error
    return lease


def age(folder: Path) -> float:
    """Return the seconds since the last heartbeat in ``folder`` by the clock of its file system, 0 without a lease.

    Only a hint, since some network file systems take the time of whoever writes.
    """
    probe = folder / f"{LEASE}.{secrets.token_hex(4)}"
    try:
        probe.touch()
        return max(probe.stat().st_mtime - (folder / LEASE).stat().st_mtime, 0.0)
    except FileNotFoundError:
        return 0.0
    finally:
        probe.unlink(missing_ok=True)


class _Watch:
    """What was seen of the lease of another machine, timed by this machine's clock.

    Attributes:
        looks: How often it was looked at.
    """

    def __init__(self) -> None:
        self.looks = 0
        self._first = b""
        self._begin = 0.0

    @property
    def seconds(self) -> float:
        """Time since the first look."""
        return time.monotonic() - self._begin

    def shows_life(self, content: bytes) -> bool:
        """Return whether ``content`` is another than at the first look."""
        self.looks += 1
        if self.looks == 1:
            self._first, self._begin = content, time.monotonic()
        return content != self._first


def _create(path: Path, holder: Holder) -> int | None:
    """Return the open lease file with ``holder`` and a first beat in it, ``None`` if there is one already."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o644)
    except FileExistsError:
        return None
    os.write(descriptor, f"{json.dumps(asdict(holder))}\n{_BEAT.format(0)}".encode())
    os.fsync(descriptor)
    return descriptor


def _remove(path: Path, is_meant: Callable[[bytes], bool]) -> bool:
    """Remove the lease file if ``is_meant`` says so of what it holds; one that has taken its place stays.

    Only one of several processes succeeds, since the file is renamed before it is looked at.
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
            pass  # a third process was quicker; the one that lost its file will see that
        except OSError:  # no hard links here
            if not path.exists():
                aside.rename(path)
    aside.unlink(missing_ok=True)
    return meant


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()  # opened anew each time, or a network file system answers from memory
    except (FileNotFoundError, NotADirectoryError):
        return None


def _holder(content: bytes) -> Holder | None:
    """Return whom a lease file names, ``None`` while it is being written or if it is damaged."""
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
    """Return what processes share whose ids can be compared; empty where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _birth(pid: int) -> str | None:
    """Return when a process of this machine began, empty if that is not known, ``None`` if it has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # somebody else's
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return None if state in "ZX" else fields[18]
