"""The public Cars3D archive: car models seen from all sides."""

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from io import BufferedIOBase, BytesIO
from math import prod
from pathlib import Path, PurePosixPath
from typing import Any, Self

import numpy as np
import torch
from scipy.io import loadmat, whosmat
from torch import Tensor
from typing_extensions import override

from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.storage.file_dataset import FileFactorDataset, Storage
from lr_lightning.data.storage.lanczos import resize
from lr_lightning.data.storage.public_file import PublicFile

#: 17,568 combinations. Azimuth is in degrees from the first view, in 24 steps around the car; elevations and objects
#: are numbered as in the files.
CARS3D_FACTORS = FactorSpace(
    ["elevation", "azimuth", "object"], [4, 24, 183], [range(4), range(0, 360, 15), range(183)]
)

_ARCHIVE = "nips2015-analogy-data.tar.gz"
_LIST = "list.txt"
_SIDE, _STORED_SIDE = 64, 128
_BLOCK_BYTES = 1 << 20
_LARGEST_FILE = 1 << 25  # bytes of the list, or of the file of a car, which contains 5 million values
# An archive may expand to the larger of this many bytes and this multiple of its size.
_LARGEST_SMALL_ARCHIVE, _LARGEST_RATIO = 1 << 28, 100
_LARGEST_HEADER = 1 << 20  # bytes of an extended tar header, such as a long file name
_NUMBERS = {"double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}
_REMEDY = "fetch the public archive with `lr-lightning data prepare cars3d`"


class Cars3D(FileFactorDataset):
    """Cars3D: 17,568 images of 183 car models, from the public ``nips2015-analogy-data.tar.gz`` or its cars folder.

    Three factors: elevation of the camera, azimuth, object. The archive contains one MATLAB file per car with all its
    views, and a list that determines the order of the cars. Images are in row-major order, the object fastest. The
    views of 128 x 128 pixels are scaled to 64 x 64 with Pillow's Lanczos filter.

    The archive is read as a stream; nothing is extracted to disk.

    The archive states no license.

    Args:
        path: The archive, with ``cars/list.txt`` and the ``cars/*.mat`` listed there, or the extracted folder ``cars``.
            Each ``.mat`` contains ``im`` (128, 128, 3, 24, 4) uint8, the last two axes azimuth and elevation.
        storage: ``"cache"``, which takes 216 MB of disk, or ``"memory"``, where each process reads the archive and
            takes as much memory; see :class:`~lr_lightning.data.FileFactorDataset`.
        factor_space: The grid in the archive, if it is a part of Cars3D.

    Raises:
        FileNotFoundError: If there is no such archive or folder, or the folder has no ``list.txt``.
        OSError: If the archive or a file in it is damaged; raised when images are first read.
        ValueError: If the list has the wrong length, a listed car is missing, a car is not listed, or a file has no
            ``im`` of this shape and dtype; for an archive, raised when images are first read.

    References:
        Reed, Zhang, Zhang and Lee, Deep Visual Analogy-Making, 2015, NeurIPS.
    """

    records = (
        DataSetRecord(
            name="cars3d",
            title="Cars3D: car models from all sides",
            num_samples=len(CARS3D_FACTORS),
            image_shape=(3, _SIDE, _SIDE),
            factor_space=CARS3D_FACTORS,
            license="not stated",
            files=(
                PublicFile(_ARCHIVE, f"http://www.scottreed.info/files/{_ARCHIVE}", "4e866a7919c1beedf53964e6f7a23686"),
            ),
            path=_ARCHIVE,
        ),
    )
    image_shape: tuple[int, ...] = (3, _SIDE, _SIDE)

    def __init__(self, path: str | Path, storage: Storage = "cache", factor_space: FactorSpace | None = None) -> None:
        space = factor_space or CARS3D_FACTORS
        super().__init__("cars3d", space, CarsImages(Path(path), space), storage)

    def _display(self, stored: Tensor) -> Tensor:
        return stored.permute(0, 3, 1, 2).contiguous()  # (N, H, W, C) -> (N, C, H, W)


class CarsImages:
    """The scaled images of the archive as rows ``(N, 64, 64, 3)`` uint8, read from start to end.

    Args:
        path: The archive or folder; see :class:`Cars3D`.
        space: Elevation, azimuth and object.

    Raises:
        FileNotFoundError, ValueError: As :class:`Cars3D`, as far as can be checked without reading an archive.
    """

    def __init__(self, path: Path, space: FactorSpace) -> None:
        self.path = path
        self.paths: tuple[Path, ...] = (path,)
        self.key = f"im.lanczos{_SIDE}"
        self.shape = (len(space), _SIDE, _SIDE, 3)
        self._sizes = space.sizes
        if path.is_dir():
            if not (path / _LIST).is_file():
                raise FileNotFoundError(f"no {_LIST} in {path}, which lists the cars in order; {_REMEDY}")
            self.paths = (path / _LIST, *sorted(file for file in path.glob("[!.]*.mat") if file.is_file()))
            self._check_size(_LIST, self.paths[0].stat().st_size)
            self._order(self.paths[0].read_bytes(), {file.stem for file in self.paths[1:]})
        elif not path.is_file():
            raise FileNotFoundError(f"no file or folder {path}; {_REMEDY}")

    def blocks(self) -> Iterator[Tensor]:
        """Yield all rows in blocks of one view of all cars, ``(objects, 64, 64, 3)``.

        Raises:
            OSError, ValueError: As :class:`Cars3D`.
        """
        cars, listing, most = dict[str, Tensor](), None, 2 * self._sizes[2]
        for name, content in self._files():
            if name == _LIST:
                listing = content
            else:
                cars[name.removesuffix(".mat")] = self._views(name, content)
            if len(cars) > most:  # limits the memory, as the list may come last
                raise ValueError(f"{self.path} must have {self._sizes[2]} cars, got more than {most}; {_REMEDY}")
        if listing is None:
            raise ValueError(f"{self.path} has no cars/{_LIST}, which lists the cars in order; {_REMEDY}")
        order = self._order(listing, set(cars))
        for elevation in range(self._sizes[0]):
            for azimuth in range(self._sizes[1]):
                yield torch.stack([cars[name][elevation, azimuth] for name in order])

    def _files(self) -> Iterator[tuple[str, bytes]]:
        """Yield the name and content of the list and of each car, in the order of the archive."""
        if self.path not in self.paths:  # ``path`` is a folder, and ``paths`` are the files in it
            for path in self.paths:
                self._check_size(path.name, path.stat().st_size)
                yield path.name, path.read_bytes()
            return
        try:
            yield from self._members()
        # tarfile does not wrap the errors of its conversions when a header is damaged
        except (
            tarfile.TarError,
            EOFError,
            zlib.error,
            gzip.BadGzipFile,
            OverflowError,
            LookupError,
            TypeError,
        ) as error:
            raise OSError(f"{self.path} cannot be read as a .tar.gz archive ({error}); {_REMEDY}") from error

    def _members(self) -> Iterator[tuple[str, bytes]]:
        """Yield the name and content of the list and of each car in an archive."""
        largest = max(_LARGEST_SMALL_ARCHIVE, _LARGEST_RATIO * self.path.stat().st_size)
        # Safe against malicious names: they only select what is read, and nothing is written to disk.
        with gzip.open(self.path) as stream:
            limited = _Limited(stream, largest)
            with tarfile.open(fileobj=limited, mode="r|", tarinfo=_ShortHeader) as archive:
                for member in archive:
                    place = PurePosixPath(member.name)
                    wanted = place.name == _LIST or (place.suffix == ".mat" and not place.name.startswith("."))
                    if wanted and place.parent.name == "cars" and member.isfile():
                        self._check_size(place.name, member.size)
                        content = archive.extractfile(member)
                        yield place.name, b"" if content is None else content.read()
            while limited.read(_BLOCK_BYTES):
                pass  # reading to the end makes gzip verify its checksum

    def _check_size(self, name: str, size: int) -> None:
        if size > _LARGEST_FILE:
            raise ValueError(f"{name} of {self.path} must be at most {_LARGEST_FILE:,} bytes, got {size:,}; {_REMEDY}")

    def _views(self, name: str, content: bytes) -> Tensor:
        """Return the scaled views ``(elevations, azimuths, 64, 64, 3)`` of a car."""
        elevations, azimuths, _ = self._sizes
        shape = (_STORED_SIDE, _STORED_SIDE, 3, azimuths, elevations)
        try:
            # The header is checked first: loadmat allocates whatever size it claims.
            listed = {found: (size, kind) for found, size, kind in whosmat(BytesIO(content))}
            size, kind = listed.get("im", (shape, "uint8"))
            readable = kind in _NUMBERS and prod(size) <= prod(shape)
            views = loadmat(BytesIO(content), variable_names=["im"]).get("im") if readable else None
        except Exception as error:  # a damaged file raises many types from SciPy
            raise OSError(f"{name} of {self.path} cannot be read as a MATLAB file ({error}); {_REMEDY}") from error
        if not readable:
            raise ValueError(f"{name} of {self.path} must contain 'im' {shape} uint8, got {size} {kind}; {_REMEDY}")
        if views is None or views.shape != shape or views.dtype != np.uint8:
            found = "none" if views is None else f"{views.shape} {views.dtype}"
            raise ValueError(f"{name} of {self.path} must contain 'im' {shape} uint8, got {found}; {_REMEDY}")
        scaled: np.ndarray[Any, Any] = resize(views.transpose(4, 3, 0, 1, 2).reshape(-1, *shape[:3]), _SIDE)
        return torch.from_numpy(scaled).view(elevations, azimuths, _SIDE, _SIDE, 3)

    def _order(self, listing: bytes, found: set[str]) -> list[str]:
        """Return the cars in the order of the list; raise unless these are exactly the cars that were ``found``."""
        order = listing.decode(errors="replace").split()
        objects = self._sizes[2]
        if len(order) != objects or len(set(order)) != objects:
            raise ValueError(
                f"{_LIST} of {self.path} must list {objects} distinct cars, got {len(set(order))} among {len(order)} "
                f"names; {_REMEDY}"
            )
        missing, extra = sorted(set(order) - found), sorted(found - set(order))
        if missing:
            raise ValueError(
                f"{self.path} has no file for {len(missing)} cars in {_LIST}, such as {missing[0]}.mat; {_REMEDY}"
            )
        if extra:
            raise ValueError(
                f"{self.path} has {len(extra)} cars that are not in {_LIST}, such as {extra[0]}.mat; {_REMEDY}"
            )
        return order


class _ShortHeader(tarfile.TarInfo):
    """A header that limits the size of extended headers, which tarfile reads whole into memory."""

    @classmethod
    @override
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if not (header.isfile() or header.isdir()) and header.size > _LARGEST_HEADER:
            raise tarfile.ReadError(f"a header has {header.size:,} bytes")
        return header


class _Limited(BufferedIOBase):
    """A decompressed stream that raises once it exceeds a number of bytes."""

    def __init__(self, file: BufferedIOBase, num_bytes: int) -> None:
        self._file, self._left, self._num_bytes = file, num_bytes, num_bytes

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        block = self._file.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise tarfile.ReadError(f"it expands to more than {self._num_bytes:,} bytes")
        return block
