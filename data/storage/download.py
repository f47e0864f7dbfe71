"""Download a public file: resumable, verified, and renamed to its final name only when complete."""

import hashlib
import os
from collections.abc import Callable, Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from lr_lightning.data.storage.disk_space import require_disk_space
from lr_lightning.data.storage.write_lock import write_lock

_BLOCK_BYTES = 1 << 20


def download(
    url: str,
    path: str | Path,
    md5: str | None = None,
    *,
    remedy: str = "check the connection and run again",
    timeout: float = 30.0,
    progress: Callable[[int, int | None], None] | None = None,
) -> Path:
    """Download ``url`` to ``path``.

    The data goes to ``<path>.part``, which is renamed once it is complete and its checksum matches. After a broken
    connection the partial file stays, and the next call resumes it. Without a checksum the download starts over, as
    resuming could join two versions of the file unnoticed. An existing file is verified, not downloaded. If several
    processes need the file, one downloads it and the others wait.

    Args:
        url: Address of the file, ``http`` or ``https``.
        path: File to write; its folder is created if needed.
        md5: Expected checksum, in hexadecimal.
        remedy: What the user can do without the server; ends the error message.
        timeout: Seconds without a response or data after which the connection is dropped.
        progress: Called after each block with the bytes received and the total, ``None`` if unknown.

    Returns:
        The path.

    Raises:
        ConnectionError: If the server cannot be reached or refuses, or the connection breaks.
        OSError: If the file cannot be written or the disk is full; the partial file stays.
        ValueError: If the checksum does not match; a downloaded file is then deleted, an existing one is kept.
    """
    path = Path(path)
    if path.exists():  # before taking the lock, which needs a writable folder
        return _check(path, md5)
    with write_lock(path, "choose a writable folder") as lock:
        if path.exists():  # downloaded by another process while this one waited for the lock
            _check(path, md5)
        else:
            _fetch_whole(url, path, md5, remedy, timeout, progress)
        lock.unlink(missing_ok=True)  # kept after a failure: the next process waiting for it retries
    return path


def file_md5(path: Path) -> str:
    """Return the MD5 checksum of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _check(path: Path, md5: str | None) -> Path:
    if md5 is not None and (found := file_md5(path)) != md5:
        raise ValueError(f"{path} has md5 {found}, expected {md5}; move it away to download it again")
    return path


def _fetch_whole(
    url: str,
    path: Path,
    md5: str | None,
    remedy: str,
    timeout: float,
    progress: Callable[[int, int | None], None] | None,
) -> None:
    part = path.with_name(f"{path.name}.part")
    start = part.stat().st_size if md5 is not None and part.exists() else 0
    _fetch(url, part, start, remedy, timeout, progress)
    if md5 is not None and (found := file_md5(part)) != md5:
        part.unlink()
        raise ValueError(
            f"{url} returned a file with md5 {found}, expected {md5}; it was deleted, run again to download it again"
        )
    part.replace(path)


def _fetch(
    url: str, part: Path, start: int, remedy: str, timeout: float, progress: Callable[[int, int | None], None] | None
) -> None:
    """Append to ``part`` from byte ``start`` on, or rewrite it if the server only sends whole files."""
    with _open(url, start, remedy, timeout) as response:
        if response.status == 416:
            return  # no bytes after ``start``: the part is complete or another file; the checksum decides
        done = start if response.status == 206 else 0  # 206: the server continues at ``start``; 200: the whole file
        length = response.headers.get("Content-Length")
        total = None if length is None else done + int(length)
        if not done:
            part.unlink(missing_ok=True)  # frees its disk space before the check
        left = None if total is None else total - done
        with (
            require_disk_space(str(part), left, part.parent, "free some space and run again to resume"),
            part.open("ab" if done else "wb") as file,
        ):
            for block in _blocks(response, url, remedy):
                file.write(block)
                done += len(block)
                if progress is not None:
                    progress(done, total)
            file.flush()
            os.fsync(file.fileno())
    if total is not None and done != total:
        raise ConnectionError(f"{url} disconnected after {done} of {total} bytes; run again to resume")


def _open(url: str, start: int, remedy: str, timeout: float) -> HTTPResponse | HTTPError:
    headers = {"User-Agent": "lr-lightning"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=timeout)
    except HTTPError as error:
        if error.code == 416:  # "range not satisfiable": handled by the caller
            return error
        error.close()
        raise ConnectionError(f"{url} returned {error.code} {error.reason}; {remedy}") from error
    except (URLError, HTTPException, OSError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise ConnectionError(f"{url} cannot be reached ({reason}); {remedy}") from error
    return response


def _blocks(response: HTTPResponse | HTTPError, url: str, remedy: str) -> Iterator[bytes]:
    """Yield blocks of the response, with errors of reading as ``ConnectionError``; errors of writing pass through."""
    try:
        while block := response.read(_BLOCK_BYTES):
            yield block
    except (HTTPException, OSError) as error:
        raise ConnectionError(f"{url} disconnected ({error}); run again to resume, or {remedy}") from error
