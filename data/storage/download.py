"""Fetch a public file: resumable, checked, and under its name only when it is whole."""

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
    """Fetch ``url`` into ``path``.

    The bytes go to ``path`` with ``.part`` added, which is renamed when it is whole and its checksum is right. After a
    broken connection the part stays, and the next call goes on from its end; without a checksum, that could join two
    versions of a file unnoticed, so then it begins anew. A file that is there already is checked and not fetched. Of
    several processes that want the file one fetches it and the others wait.

    Args:
        url: Address of the file, ``http`` or ``https``.
        path: File to write; its folder is made if there is none.
        md5: Checksum the file must have, in hexadecimal.
        remedy: What the user can do without the server; ends the error message.
        timeout: Seconds without an answer or any byte until the connection counts as dead.
        progress: Called after each block with the bytes there are and those there will be, ``None`` if not known.

    Returns:
        The path.

    Raises:
        ConnectionError: If the server cannot be reached, refuses, or breaks off.
        OSError: If the file cannot be written, or there is no room on the disk; the part stays.
        ValueError: If the checksum is wrong; a fetched file is then removed, one that was there is not.
    """
    path = Path(path)
    if path.exists():  # in a folder that may be read-only
        return _check(path, md5)
    with write_lock(path, "choose a folder that can be written to") as lock:
        if path.exists():  # fetched by the process that this one waited for
            _check(path, md5)
        else:
            _fetch_whole(url, path, md5, remedy, timeout, progress)
        lock.unlink(missing_ok=True)  # not after a failure: another process may wait for it to try in turn
    return path


def file_md5(path: Path) -> str:
    """Return the MD5 checksum of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _check(path: Path, md5: str | None) -> Path:
    if md5 is not None and (found := file_md5(path)) != md5:
        raise ValueError(f"{path} has md5 {found}, expected {md5}; move it away to have it fetched")
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
            f"{url} gave a file with md5 {found}, expected {md5}; it was removed, run again to fetch it anew"
        )
    part.replace(path)


def _fetch(
    url: str, part: Path, start: int, remedy: str, timeout: float, progress: Callable[[int, int | None], None] | None
) -> None:
    """Append to ``part`` from byte ``start`` on, or write it anew where the server only sends whole files."""
    with _open(url, start, remedy, timeout) as response:
        if response.status == 416:
            return  # nothing after ``start``: the part is whole, or not this file, as its checksum tells
        done = start if response.status == 206 else 0
        length = response.headers.get("Content-Length")
        total = None if length is None else done + int(length)
        if not done:
            part.unlink(missing_ok=True)  # its room is needed
        left = None if total is None else total - done
        with (
            require_disk_space(str(part), left, part.parent, "free some and run again to go on"),
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
        raise ConnectionError(f"{url} broke off after {done} of {total} bytes; run again to go on")


def _open(url: str, start: int, remedy: str, timeout: float) -> HTTPResponse | HTTPError:
    headers = {"User-Agent": "lr-lightning"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=timeout)
    except HTTPError as error:
        if error.code == 416:
            return error
        error.close()
        raise ConnectionError(f"{url} answered {error.code} {error.reason}; {remedy}") from error
    except (URLError, HTTPException, OSError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise ConnectionError(f"{url} cannot be reached ({reason}); {remedy}") from error
    return response


def _blocks(response: HTTPResponse | HTTPError, url: str, remedy: str) -> Iterator[bytes]:
    """Yield what the server sends; errors of writing it are not caught here."""
    try:
        while block := response.read(_BLOCK_BYTES):
            yield block
    except (HTTPException, OSError) as error:
        raise ConnectionError(f"{url} broke off ({error}); run again to go on, or {remedy}") from error
