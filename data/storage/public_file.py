"""A public file of a data set: its address and how to verify a copy."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lr_lightning.data.storage.download import download
from lr_lightning.data.storage.npz_member import ZIP_DAMAGE
from lr_lightning.data.storage.write_lock import write_lock


@dataclass(frozen=True)
class PublicFile:
    """A public file to download.

    Attributes:
        path: Path of the local copy, relative to the root folder of the data sets.
        url: Address of the file.
        md5: Published checksum, or ``None``. Without one, a zip archive such as an ``.npz`` is read once and verified
            by the checksums inside it; other files are not verified.
        mirrors: Other addresses of the same file, tried in order if the first fails.
        size: Size in bytes; ``None`` if unknown, or if the format itself shows whether the file is complete.
    """

    path: str
    url: str
    md5: str | None
    mirrors: tuple[str, ...] = ()
    size: int | None = None

    @property
    def check(self) -> str:
        """How a downloaded file is verified, such as ``"md5 099a2078..."``."""
        if self.md5 is not None:
            return f"md5 {self.md5}"
        return "no md5 published; " + (
            "verified by the checksums inside the archive" if self._is_archive else "not verified before it is opened"
        )

    def fetch(self, root: Path, *, remedy: str, progress: Callable[[int, int | None], None] | None = None) -> Path:
        """Download the file into ``root`` from the first address that works, and verify it.

        Args:
            root: Root folder of the data sets.
            remedy: What the user can do without the server; ends the error message.
            progress: Called after each block with the bytes received and the total, ``None`` if unknown.

        Returns:
            The path of the file.

        Raises:
            ConnectionError: If no address works; the message lists the failure of each.
            ValueError: If the only address returns a wrong file, or an existing file is wrong; the latter is kept.
        """
        path, failures = root / self.path, list[ConnectionError | ValueError]()
        addresses = (self.url, *self.mirrors)
        for url in addresses:
            last = remedy if url == addresses[-1] else "the next address was tried"
            try:
                if self.md5 is None and self._is_archive:
                    return _fetch_archive(url, path, last, progress)
                return download(url, path, self.md5, remedy=last, progress=progress)
            except (ConnectionError, ValueError) as error:
                if path.exists() or not self.mirrors:
                    raise
                failures.append(error)
        raise ConnectionError("; ".join(map(str, failures))) from failures[0]

    @property
    def _is_archive(self) -> bool:
        return self.path.endswith((".npz", ".zip"))


def _fetch_archive(url: str, path: Path, remedy: str, progress: Callable[[int, int | None], None] | None) -> Path:
    """Download a zip archive that has no published checksum; rename it once its members are verified."""
    if path.exists():
        if damage := _damage(path):
            raise ValueError(f"{path} is not a complete zip archive ({damage}); move it away to download it again")
        return path
    with write_lock(path, "choose a writable folder") as lock:
        if not path.exists():  # unless another process downloaded it while this one waited for the lock
            unverified = download(url, path.with_name(f"{path.name}.unverified"), remedy=remedy, progress=progress)
            if damage := _damage(unverified):
                unverified.unlink()
                raise ValueError(f"{url} returned an incomplete zip archive ({damage}), which was deleted; {remedy}")
            unverified.replace(path)
        lock.unlink(missing_ok=True)
    return path


def _damage(path: Path) -> str | None:
    """Verify a zip archive by the checksums of its members; return the damage found, or ``None``."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = archive.testzip()
    except ZIP_DAMAGE as error:
        return str(error)
    return None if member is None else f"{member} is damaged"
