"""A memory-mapped cache for the rows of any source: built once, checked each time it is opened."""

import hashlib
import json
import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lr_lightning.common.cores import num_cores
from lr_lightning.data.storage.disk_space import require_disk_space
from lr_lightning.data.storage.download import file_md5
from lr_lightning.data.storage.image_source import ImageSource
from lr_lightning.data.storage.write_lock import write_lock

FORMAT_VERSION = 1
#: Name of the folder beside the source, used unless LR_LIGHTNING_CACHE is set.
FOLDER = "lr_lightning_cache"
_PAGE = 4096
_LONGEST_HEADER = 1 << 26  # bytes; the header for 100,000 source files takes about 10 MB
CACHE_REMEDY = (
    "set the environment variable LR_LIGHTNING_CACHE to a writable folder with enough space, or open the set with "
    "storage='memory'"
)
_blake2b = partial(hashlib.blake2b, digest_size=32)


def cache_folder(path: Path) -> Path:
    """Return the folder of the caches of a file or folder: beside it, or in the folder given by LR_LIGHTNING_CACHE."""
    parent = path.absolute().parent
    chosen = os.environ.get("LR_LIGHTNING_CACHE")
    # In a shared folder, caches of equally named files from different folders must not overwrite each other.
    origin = hashlib.blake2b(str(parent).encode(), digest_size=6).hexdigest()
    return Path(chosen, origin) if chosen else parent / FOLDER


class MemoryMappedCache:
    """Rows of a source, converted once into a file that is then mapped into memory without being read.

    The file starts with a header, one line of JSON padded to whole pages of 4096 bytes, followed by the raw rows. The
    header contains the format, the conversion, the source files (size, modification time and MD5 of each), and the
    BLAKE2b checksum of the rows. Opening the file checks everything but the checksums, which takes no time. An outdated
    or damaged file is rebuilt, with a warning that gives the reason.

    The file is written under a temporary name, synced to disk and then renamed. So an interrupted conversion leaves no
    usable file, and the next one overwrites its leftovers. If several processes need the file, one builds it and the
    others wait. It is in ``lr_lightning_cache/`` beside the source, or in the folder given by the environment variable
    ``LR_LIGHTNING_CACHE``, and can be deleted at any time.

    Args:
        source: Source of the rows.
        row_shape: Shape of a converted row.
        convert: Converts a block ``(B, ...)`` of the source into rows ``(B, *row_shape)`` uint8, on the CPU.
        conversion: Name of ``convert``; distinguishes conversions of the same source.
        beside: File beside which the cache lies, and after which it is named; the first of the source if ``None``.
    """

    def __init__(
        self,
        source: ImageSource,
        row_shape: tuple[int, ...],
        convert: Callable[[Tensor], Tensor],
        conversion: str,
        beside: Path | None = None,
    ) -> None:
        self.shape = (source.shape[0], *row_shape)
        self._source = source
        self._convert = convert
        self._conversion = conversion
        self._beside = Path(source.paths[0]) if beside is None else beside

    @property
    def path(self) -> Path:
        """Path of the file, whether it exists or not."""
        key = self._source.key.replace("/", ".")
        return cache_folder(self._beside) / f"{self._beside.name}.{key}.{self._conversion}.v{FORMAT_VERSION}.rows"

    def open(self, *, verify: bool = False, progress: Callable[[int, int], None] | None = None) -> NDArray[np.uint8]:
        """Map the rows ``(N, *row_shape)``, read-only; convert the source first if needed.

        Args:
            verify: Also verify the checksums, which reads the whole source and the whole cache.
            progress: Called after each converted block with the number of rows done and in total.

        Raises:
            OSError: If the file cannot be written (the message states its size), or the source is damaged.
            ValueError: If the number, shape or dtype of the source's rows is wrong.

        Warns:
            UserWarning: If an outdated or damaged file is rebuilt, with the reason.
        """
        try:
            return self._map(verify)
        except (OSError, ValueError):
            pass  # checked again under the lock, as another process may be building the file
        with write_lock(self.path, CACHE_REMEDY):
            try:
                return self._map(verify)
            except FileNotFoundError:
                pass
            except ValueError as error:
                warnings.warn(f"rebuilding {self.path}: {error}", stacklevel=2)
                self.path.unlink()  # frees its disk space for the new file
            self._build(progress)
            return self._map(verify=False)

    def _map(self, verify: bool) -> NDArray[np.uint8]:
        """Map the file; raise ``ValueError`` with the reason if it is outdated or damaged."""
        with self.path.open("rb") as file:
            header, start = _read_header(file)
            for entry, expected in self._description().items():
                if header.get(entry) != expected:
                    raise ValueError(self._changed() if entry == "sources" else f"its {entry} is not {expected}")
            if (size := os.fstat(file.fileno()).st_size) != start + prod(self.shape):
                raise ValueError(f"it has {size:,} bytes, not {start + prod(self.shape):,}")
            if verify and self._md5s() != header.get("md5"):
                raise ValueError(self._changed())
            if verify and hashlib.file_digest(file, _blake2b).hexdigest() != header.get("blake2b"):
                raise ValueError("its rows do not match the checksum in its header")
            return np.memmap(file, np.uint8, "r", start, self.shape)

    def _build(self, progress: Callable[[int, int], None] | None) -> None:
        header = self._description() | {"md5": self._md5s(), "blake2b": _blake2b().hexdigest()}
        size = len(_header_line(header)) + prod(self.shape)
        unfinished = self.path.with_name(f"{self.path.name}.unfinished")
        unfinished.unlink(missing_ok=True)  # left by a killed process; frees its disk space
        try:
            with require_disk_space(f"the memory-mapped cache {self.path}", size, self.path.parent, CACHE_REMEDY):
                with unfinished.open("wb") as file:
                    # A placeholder of equal length: the checksum is only known once the rows are written.
                    file.write(_header_line(header))
                    header["blake2b"] = self._write_rows(file, progress)
                    file.seek(0)
                    file.write(_header_line(header))
                    file.flush()
                    os.fsync(file.fileno())
                unfinished.replace(self.path)
        finally:
            unfinished.unlink(missing_ok=True)

    def _write_rows(self, file: IO[bytes], progress: Callable[[int, int], None] | None) -> str:
        """Convert all blocks and return the checksum of the rows."""
        checksum, done, total = _blake2b(), 0, self.shape[0]
        for block in self._source.blocks():
            rows = self._convert(block).contiguous().numpy()
            if rows.shape[1:] != self.shape[1:] or rows.dtype != np.uint8:
                raise ValueError(
                    f"rows of {self._names()} must be {self.shape[1:]} uint8, got {rows.shape[1:]} {rows.dtype}"
                )
            checksum.update(rows.data)
            file.write(rows.data)
            done += len(rows)
            if progress is not None:
                progress(done, total)
        if done != total:
            raise ValueError(f"{self._names()} must yield {total} rows, got {done}")
        return checksum.hexdigest()

    def _description(self) -> dict[str, Any]:
        """Return the expected entries of the header, with the types that JSON returns (lists, not tuples)."""
        states = [(path.name, path.stat()) for path in self._source.paths]
        return {
            "format": "lr_lightning rows",
            "version": FORMAT_VERSION,
            "array": self._source.key,
            "conversion": self._conversion,
            "sources": [[name, state.st_size, state.st_mtime_ns] for name, state in states],
            "shape": list(self.shape),
        }

    def _md5s(self) -> list[str]:
        with ThreadPoolExecutor(num_cores()) as pool:  # hashing releases Python's global lock
            return list(pool.map(file_md5, self._source.paths))

    def _names(self) -> str:
        first, *others = self._source.paths
        return f"{first} and {len(others)} more" if others else str(first)

    def _changed(self) -> str:
        return f"{self._names()} changed since it was built"


def _header_line(header: dict[str, Any]) -> bytes:
    """Return the header as a line padded to whole pages."""
    line = json.dumps(header).encode()
    return line.ljust(-(-(len(line) + 1) // _PAGE) * _PAGE - 1) + b"\n"


def _read_header(file: IO[bytes]) -> tuple[dict[str, Any], int]:
    """Return the header and the position after it; raise ``ValueError`` if it cannot be read."""
    try:
        header = json.loads(file.readline(_LONGEST_HEADER))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its header cannot be read ({error})") from error
    if not isinstance(header, dict):
        raise ValueError("its header cannot be read (not a JSON object)")
    return header, file.tell()
