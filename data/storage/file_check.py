"""A quick check that a downloaded or copied file is complete, from its size, start and end."""

import zipfile
from pathlib import Path

import h5py

_JPEG, _GZIP = b"\xff\xd8\xff", b"\x1f\x8b\x08"
_TAR_BLOCK = 512


def looks_complete(path: Path, size: int | None = None) -> bool:
    """Return whether a file looks complete, reading only its start and end.

    HDF5 files and zip archives record where they end. A gzip-compressed tar archive ends with its uncompressed length,
    which must be a multiple of the tar block size. For other files, only the size and the first bytes are checked.

    Args:
        path: The file; its suffix determines the expected format.
        size: Minimum size in bytes, if known.
    """
    try:
        if size is not None and path.stat().st_size < size:
            return False
        if path.suffix in (".h5", ".hdf5"):
            with h5py.File(path, "r"):
                return True
        if path.suffix in (".npz", ".zip"):
            return zipfile.is_zipfile(path)
        return _has_its_ends(path)
    except OSError:
        return False


def _has_its_ends(path: Path) -> bool:
    with path.open("rb") as file:
        begin = file.read(3)
        if path.suffix in (".jpg", ".jpeg"):
            return begin == _JPEG
        if path.suffix != ".gz":
            return True
        if begin != _GZIP:
            return False
        file.seek(-4, 2)  # the gzip trailer: the uncompressed length modulo 2^32
        length = int.from_bytes(file.read(4), "little")
        return not path.name.endswith(".tar.gz") or length % _TAR_BLOCK == 0
