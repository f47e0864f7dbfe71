"""The data sets of torchvision: photographs, digits and drawings with labels."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from lr_lightning.data.factor_space import FactorSpace, check_range, factor_position
from lr_lightning.data.from_torchvision.index import (
    Index,
    check_unchanged,
    index_path,
    open_index,
    read_samples,
    rows_path,
)
from lr_lightning.data.from_torchvision.recipe import Recipe
from lr_lightning.data.from_torchvision.records import TORCHVISION_RECORDS
from lr_lightning.data.from_torchvision.samples import SampleImages
from lr_lightning.data.storage.file_dataset import FileFactorDataset
from lr_lightning.data.storage.memory_mapped_cache import MemoryMappedCache

if TYPE_CHECKING:  # takes seconds to import
    from torchvision.transforms.v2 import Transform


class TorchvisionDataset(FileFactorDataset):
    """A data set of torchvision, or of a user in the same form, with its targets as factors.

    Any class works that has samples by index, each an image or a pair of an image and a target. Images are PIL images
    of 8 bits per channel, or uint8 tensors ``(C, H, W)`` or arrays ``(H, W, C)``; without ``transforms``, they must
    have one size. Classes for detection, segmentation, stereo and video have other samples, and are refused.

    Targets become factors: integers, booleans or text, also in tuples, dictionaries and vectors. A class label is named
    ``label`` and its values have the names of the classes. CelebA's attributes are 40 binary factors. Labels that are
    text become named values, in alphabetical order. Coordinates and other targets are refused, with a hint to
    ``targets: none``. Samples labeled -1, as the unlabeled split of STL10, have no factors.

    torchvision reads the files, and verifies those with published checksums; in particular, the pickles of CIFAR are
    only opened after that. Afterwards, images and factors are read from a cache, and torchvision is not even imported.
    The cache depends on the class, its arguments, the split, the transforms and the version of torchvision. When it is
    opened, size and modification time of the files that the class read when it was constructed are compared, and the
    modification time of the folders with images. This notices images that were added, removed or renamed. Images that
    were overwritten are noticed as well, by their size and modification time, but in the sets with a record only by
    :meth:`prepare` with ``verify``.

    A class that tries to use the network without ``download`` is stopped, before anything is loaded.

    Args:
        dataset: Name of the class in ``torchvision.datasets``, e.g. ``"CIFAR10"``, or import path of another class.
        root: Folder of the files, passed to the class if it takes one.
        split: ``"train"``, ``"test"``, ``"all"`` for one after the other, or a split that only this class has, e.g.
            ``"extra"`` of SVHN. ``"all"`` includes validation splits, but not ``extra`` and ``unlabeled``. By default
            the training split, or everything if the class has no splits. Selects ``train`` of most classes,
            ``background`` of Omniglot, and otherwise ``split``; that of EMNIST has another meaning and belongs into
            ``arguments``.
        arguments: Further arguments of the class, plain values.
        targets: ``"all"``, the names of the factors to keep, or ``"none"``, which does not read targets.
        transforms: Deterministic transforms from ``torchvision.transforms.v2``, applied to each image once.
            Random ones belong into ``augmentations`` of the data module.
        download: Whether torchvision may download missing files.
        storage: ``"cache"``, or ``"memory"``, where each process reads the files and nothing is written; see
            :class:`~lr_lightning.data.FileFactorDataset`.
        name: Name of the set; by default that of the class in lower case.

    Raises:
        ConnectionError: If files cannot be downloaded, or the class uses the network without ``download``.
        FileNotFoundError: If files are missing; the message lists them.
        OSError: If a file is damaged, or the cache cannot be written.
        ImportError: If the class needs another package, such as ``gdown``.
        ValueError: If there is no such class, split, argument or factor, or images or targets are of another kind.

    Example:
        >>> fake = TorchvisionDataset("FakeData", arguments={"size": 5, "image_size": [3, 8, 8]}, storage="memory")
        >>> fake.images(torch.arange(5)).shape
        torch.Size([5, 3, 8, 8])
    """

    records = TORCHVISION_RECORDS

    def __init__(
        self,
        dataset: str,
        root: str | Path = "data_sets",
        split: str | None = None,
        arguments: dict[str, Any] | None = None,
        targets: Literal["all", "none"] | list[str] = "all",
        transforms: "Sequence[Transform] | None" = None,
        download: bool = False,
        storage: Literal["cache", "memory"] = "cache",
        name: str | None = None,
    ) -> None:
        fixed = None
        if transforms:
            from lr_lightning.data.storage.fixed_transforms import FixedTransforms

            fixed = FixedTransforms(transforms)
        if targets == "none":
            targets = []
        self._recipe = Recipe(dataset, Path(root).expanduser(), split, arguments or {}, fixed, targets != [], download)
        path = index_path(self._recipe)
        index, parts = open_index(self._recipe) if storage == "cache" else read_samples(self._recipe)
        self.image_shape: tuple[int, ...] = index.image_shape
        num_images = len(index.labels.factors)
        self._images = SampleImages(path, self._recipe, index.channels, (num_images, *index.image_shape))
        if parts is not None:
            self._images.keep(parts)
        title = name or dataset.rpartition(".")[2].lower()
        super().__init__(title, index.labels.space, self._images, storage, num_images=num_images)
        self._targets = targets
        self._factors: Tensor
        self._set_index(index)

    @property
    @override
    def cache(self) -> MemoryMappedCache:
        """The memory-mapped cache of the images, whether it has been built or not."""
        return _Rows(self._source, self._row_shape, self._to_rows, conversion=type(self).__name__)

    @override
    def prepare(self, *, verify: bool = False, progress: Callable[[int, int], None] | None = None) -> Path | None:
        """Build the memory-mapped cache unless it exists, and return its path; ``None`` for other ``storage``.

        Args:
            verify: Read all files again with torchvision, which verifies their checksums, and compare size and time of
                all images with those in the cache; rebuild it if anything differs or it is damaged.
            progress: Called with the number of images converted so far and in total.

        Raises:
            OSError, ValueError: As the constructor.
        """
        if verify and self.storage == "cache":
            index, parts = open_index(self._recipe, verify=True)
            shape = (len(index.labels.factors), *index.image_shape)
            if shape != (len(self), *self.image_shape):
                raise ValueError(f"{self._recipe.title} changed while it was open; open it again")
            if parts is not None:
                self._images.keep(parts)
            self._set_index(index)
        elif self.storage == "cache":
            check_unchanged(self._recipe, self._index)
        return super().prepare(verify=verify, progress=progress)

    def factors(self, indices: Tensor) -> Tensor:
        """Return factor values ``(N, K)`` int64 of ``indices`` (N,): on the CPU, or on the device of :meth:`to`.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        check_range("indices", indices, len(self))
        values: Tensor = self._factors[indices.to(self._factors.device)].long()
        return values

    def to(self, device: torch.device | str) -> Self:
        """Load all images into the memory of ``device`` and return ``self``."""
        self._factors = self._factors.to(device)
        return super().to(device)

    @override
    def _map(self) -> NDArray[np.uint8]:
        if self._mapped is None:
            check_unchanged(self._recipe, self._index)
        return super()._map()

    def _set_index(self, index: Index) -> None:
        """Set the index and the factors, or those that were asked for."""
        self._index = index
        factors, space = torch.from_numpy(index.labels.factors), index.labels.space
        if self._targets != "all":
            space, columns = _chosen(space, self._targets)
            factors = factors[:, columns]
        self.factor_space = space
        self.full_grid = len(factors) == len(space) and torch.equal(factors, space.factors(torch.arange(len(factors))))
        self._factors = factors

    def _display(self, stored: Tensor) -> Tensor:
        return stored


class _Rows(MemoryMappedCache):
    """The cached images, beside the index that the source depends on."""

    @property
    @override
    def path(self) -> Path:
        return rows_path(self._source.paths[0])


def _chosen(space: FactorSpace, names: Sequence[str]) -> tuple[FactorSpace, list[int]]:
    """Return the space of some factors and their columns."""
    columns = [factor_position("targets", space, name) for name in names]
    value_names = {name: space.value_names[name] for name in names if name in space.value_names}
    sizes, values = [space.sizes[column] for column in columns], [space.values[column] for column in columns]
    return FactorSpace(names, sizes, values, value_names), columns
