"""A folder of pictures without labels."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torchvision.transforms import v2
from typing_extensions import override

from lr_lightning.data.factor_space import FactorSpace, check_range
from lr_lightning.data.storage.file_dataset import FileFactorDataset, Storage
from lr_lightning.data.storage.fixed_transforms import FixedTransforms
from lr_lightning.data.storage.image_folder import FolderImages, image_files
from lr_lightning.data.storage.memory_mapped_cache import MemoryMappedCache

# Photographs of telephones, mainly, that Pillow reads only with further packages.
_UNREADABLE = (".heic", ".heif", ".avif", ".jxl", ".jp2", ".dng")
_NO_FACTORS = FactorSpace([], [])


class PictureFolder(FileFactorDataset):
    """The pictures in a folder, such as your own photographs, without labels.

    Pictures come in the natural order of their names. They are turned upright as their EXIF orientation says, and are
    read as RGB, so a folder may mix color and grayscale. Pictures of different sizes need ``transforms`` that bring
    them to one size.

    There are no factors: scores and assays that compare codes with factors do not apply.

    Args:
        path: The folder.
        transforms: Transforms of ``torchvision.transforms.v2`` that are applied to each picture once, in order, before
            it is stored: ``Resize`` or ``CenterCrop``, for example. They must be deterministic and return uint8.
        grayscale: Whether to read pictures in grayscale, with one channel.
        recursive: Whether to read the pictures in folders inside the folder, too.
        storage: Where images are read from, see :class:`~lr_lightning.data.FileFactorDataset`. The cache is
            inside the folder, and is rebuilt when a picture was changed, added or removed.

    Raises:
        FileNotFoundError: If there is no such folder.
        OSError: If the first picture is damaged.
        TypeError: If ``transforms`` is not a list of transforms of ``torchvision.transforms.v2``.
        ValueError: If there are no pictures, the first cannot be used or transformed, one is in a format that cannot be
            read, or a transform is random.

    Example:
        >>> PictureFolder("photographs", [v2.Resize(128), v2.CenterCrop(128)]).image_shape  # doctest: +SKIP
        (3, 128, 128)
    """

    full_grid = False

    def __init__(
        self,
        path: str | Path,
        transforms: Sequence[v2.Transform] | None = None,
        grayscale: bool = False,
        recursive: bool = True,
        storage: Storage = "cache",
    ) -> None:
        self.folder = Path(path).resolve()
        if not self.folder.is_dir():
            raise FileNotFoundError(f"no folder {path}; give the folder that contains your pictures")
        fixed = FixedTransforms(transforms) if transforms else None
        source = FolderImages(
            image_files(self.folder, recursive=recursive, refused=_UNREADABLE),
            fixed,
            channels=1 if grayscale else 3,
            upright=True,
            remedy="set transforms, such as Resize and CenterCrop, to bring all pictures to one size",
        )
        # Without the names of the pictures, so that the cache is replaced, not joined by another, when they change.
        options = f"{None if fixed is None else fixed.key} {grayscale} {recursive}"
        source.key = hashlib.blake2b(options.encode(), digest_size=6).hexdigest()
        self.image_shape: tuple[int, ...] = source.shape[1:]
        super().__init__(self.folder.name, _NO_FACTORS, source, storage, num_images=source.shape[0])

    @property
    @override
    def cache(self) -> MemoryMappedCache:
        """The memory-mapped cache of the images, whether it has been built or not."""
        conversion = type(self).__name__
        return MemoryMappedCache(
            self._source, self.image_shape, self._display, conversion, beside=self.folder / "pictures"
        )

    @override
    def factors(self, indices: Tensor) -> Tensor:
        """Return an empty table ``(N, 0)`` int64 for ``indices`` (N,), on the device of the images.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        check_range("indices", indices, len(self))
        device = "cpu" if self._loaded is None else self._loaded.device
        return torch.empty(len(indices), 0, dtype=torch.int64, device=device)

    def _display(self, stored: Tensor) -> Tensor:
        return stored
