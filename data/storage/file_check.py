"""A quick check that a downloaded or copied file is complete, by its size and its ends."""

import zipfile
from pathlib import Path

import h5py

_JPEG, _GZIP = b"\xff\xd8\xff", b"\x1f\x8b\x08"
_TAR_BLOCK = 512


def looks_complete(path: Path, size: int | None = None) -> bool:
    """Return whether a file looks complete, reading only its ends.

    HDF5 files and zip archives say where they end. A tar archive packed with gzip ends with its unpacked length, which
    is one of whole blocks. Of others, the first bytes and the size are all that is looked at.

    Args:
        path: The file; its suffix determines the expected format.
        size: Its minimum size in bytes, if known.
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
        file.seek(-4, 2)
        length = int.from_bytes(file.read(4), "little")
        return not path.name.endswith(".tar.gz") or length % _TAR_BLOCK == 0
