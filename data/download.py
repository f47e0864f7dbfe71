"""Fetch a public file: resumable, checked, and under its name only when it is whole."""

import hashlib
from collections.abc import Callable, Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

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
    versions of a file unnoticed, so then it begins anew. A file that is there already is checked and not fetched.

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
        ValueError: If the checksum is wrong; a fetched file is then removed, one that was there is not.
    """
    path = Path(path)
    if path.exists():
        if md5 is not None and (found := file_md5(path)) != md5:
            raise ValueError(f"{path} has md5 {found}, expected {md5}; move it away to have it fetched")
        return path
    part = path.with_name(f"{path.name}.part")
    start = part.stat().st_size if md5 is not None and part.exists() else 0
    _fetch(url, part, start, remedy, timeout, progress)
    if md5 is not None and (found := file_md5(part)) != md5:
        part.unlink()
        raise ValueError(
            f"{url} gave a file with md5 {found}, expected {md5}; it was removed, run again to fetch it anew"
        )
    return part.replace(path)


def file_md5(path: Path) -> str:
    """Return the MD5 checksum of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


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
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab" if done else "wb") as file:
            for block in _blocks(response, url, remedy):
                file.write(block)
                done += len(block)
                if progress is not None:
                    progress(done, total)
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
