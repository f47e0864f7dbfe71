"""A public file of a data set: its address, and how a copy is verified."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lr_lightning.data.storage.download import download
from lr_lightning.data.storage.npz_member import ZIP_DAMAGE
from lr_lightning.data.storage.write_lock import write_lock


@dataclass(frozen=True)
class PublicFile:
    """A file to fetch.

    Attributes:
        path: Where it belongs, under the folder for data sets.
        url: Its address.
        md5: Its checksum; ``None`` where nobody has published one. A zip archive, such as an ``.npz``, is then read
            through once and held against the checksums inside of it; any other file is taken as it comes.
        mirrors: Other addresses of the same bytes, tried in order where the first gives no right file.
        size: Its bytes; ``None`` where they are not known, or the file tells itself whether it is whole.
    """

    path: str
    url: str
    md5: str | None
    mirrors: tuple[str, ...] = ()
    size: int | None = None

    @property
    def check(self) -> str:
        """How a fetched file is verified, such as ``"md5 099a2078..."``."""
        if self.md5 is not None:
            return f"md5 {self.md5}"
        return "no md5 published; " + (
            "verified by the checksums inside the archive" if self._is_archive else "not verified before it is opened"
        )

    def fetch(self, root: Path, *, remedy: str, progress: Callable[[int, int | None], None] | None = None) -> Path:
        """Fetch the file into ``root``, from the first address that gives it, and verify it.

        Args:
            root: Folder for data sets.
            remedy: What the user can do without the server; ends the error message.
            progress: As for :func:`~lr_lightning.data.storage.download.download`.

        Returns:
            The path of the file.

        Raises:
            ConnectionError: If no address gives a right file; the message tells of each.
            ValueError: If the only address gives a wrong file, or a file that was there is wrong, which is left alone.
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
    """Fetch a zip archive of unknown checksum, which bears its name only once its members have theirs."""
    if path.exists():
        if damage := _damage(path):
            raise ValueError(f"{path} is no whole zip archive ({damage}); move it away to have it fetched")
        return path
    with write_lock(path, "choose a folder that can be written to") as lock:
        if not path.exists():  # else fetched by the process that this one waited for
            unverified = download(url, path.with_name(f"{path.name}.unverified"), remedy=remedy, progress=progress)
            if damage := _damage(unverified):
                unverified.unlink()
                raise ValueError(f"{url} gave no whole zip archive ({damage}), which was removed; {remedy}")
            unverified.replace(path)
        lock.unlink(missing_ok=True)
    return path


def _damage(path: Path) -> str | None:
    """Say what is wrong with a zip archive, whose members have checksums; ``None`` if nothing is."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = archive.testzip()
    except ZIP_DAMAGE as error:
        return str(error)
    return None if member is None else f"{member} is damaged"
