"""The public dSprites file, as HDF5 or as ``.npz``."""

from math import pi
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.storage.file_dataset import FileFactorDataset, Storage, check_grid_order
from lr_lightning.data.storage.h5_images import H5Images, h5_renderer, h5_table, open_h5
from lr_lightning.data.storage.npz_images import NpzImages
from lr_lightning.data.storage.npz_member import npz_array
from lr_lightning.data.storage.public_file import PublicFile

_POSITIONS = np.linspace(0, 1, 32).tolist()

#: 737,280 combinations. Scale is relative; orientation is in radians, where the first and the last value are the same
#: angle; positions are in [0, 1], to the right and down.
DSPRITES_FACTORS = FactorSpace(
    names=["color", "shape", "scale", "orientation", "posX", "posY"],
    sizes=[1, 3, 6, 40, 32, 32],
    values=[
        [1.0],
        [1.0, 2.0, 3.0],
        np.linspace(0.5, 1, 6).tolist(),
        np.linspace(0, 2 * pi, 40).tolist(),
        _POSITIONS,
        _POSITIONS,
    ],
    value_names={"shape": ["square", "ellipse", "heart"]},
)

_FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5"
_REMEDY = (
    "fetch the public file with `lr-lightning data prepare dsprites`, or use its rendered twin, RenderedDSprites, "
    "which needs no file"
)


class DSprites(FileFactorDataset):
    """dSprites: 737,280 binary images of a sprite, from the public ``.hdf5`` or ``.npz`` file.

    Six factors: color (a single value), shape, scale, orientation, posX, posY. Also reads HDF5 files in the same layout
    written by ``lr-lightning data render``; the name is then ``"rendered_dsprites"`` if the
    images were rendered. The order of the factors is checked when the file is opened. Pixel values {0, 1} become {0,
    255}. Nothing in the ``.npz`` is unpickled: its ``metadata`` is ignored.

    License of the public file: zlib/libpng.

    Args:
        path: The file, with ``imgs`` (N, 64, 64) uint8 in {0, 1} and ``latents/classes`` (N, 6) int64, called
            ``latents_classes`` in the ``.npz``.
        storage: Where images are read from, see :class:`~lr_lightning.data.FileFactorDataset`. The
            memory-mapped cache or all images in memory take 377 MB, as they are stored as bits. Random reads from the
            public HDF5 file are too slow for training, as each of its chunks contains a patch of 23,040 images.
        factor_space: The grid in the file, if it is a part of dSprites.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it is not an HDF5 file or zip archive, or is damaged.
        KeyError: If one of the two arrays is missing.
        ValueError: If their shape, dtype or order is not as above, or ``storage="file"`` is used with an ``.npz``.

    References:
        Matthey, Higgins, Hassabis and Lerchner, dSprites: Disentanglement testing Sprites dataset, 2017,
        https://github.com/google-deepmind/dsprites-dataset.
    """

    records = (
        DataSetRecord(
            name="dsprites",
            title="dSprites: a white sprite on black",
            num_samples=len(DSPRITES_FACTORS),
            image_shape=(1, 64, 64),
            factor_space=DSPRITES_FACTORS,
            license="zlib/libpng",
            files=(
                PublicFile(
                    _FILE,
                    f"https://raw.githubusercontent.com/google-deepmind/dsprites-dataset/master/{_FILE}",
                    "b331c4447a651c44bf5e8ae09022e230",
                ),
            ),
            path=_FILE,
            bits_per_value=1,
            twin="rendered_dsprites",
        ),
    )
    image_shape: tuple[int, ...] = (1, 64, 64)
    binary = True

    def __init__(self, path: str | Path, storage: Storage = "cache", factor_space: FactorSpace | None = None) -> None:
        path, space = Path(path), factor_space or DSPRITES_FACTORS
        image_shape, class_shape = (len(space), 64, 64), (len(space), space.num_factors)
        rendered, version = False, None
        images: H5Images | NpzImages
        if path.suffix == ".npz":
            images = NpzImages(path, "imgs", image_shape, "uint8", _REMEDY)
            classes = npz_array(path, "latents_classes", class_shape, "int64", _REMEDY)
            check_grid_order(classes, space, path, "latents_classes", _REMEDY)
        else:
            with open_h5(path, _REMEDY) as file:
                classes = h5_table(file, "latents/classes", class_shape, "int64", _REMEDY)
                check_grid_order(classes, space, path, "latents/classes", _REMEDY)
                rendered, version = h5_renderer(file, _REMEDY)
            images = H5Images(path, "imgs", image_shape, "uint8", _REMEDY)
        name = "rendered_dsprites" if rendered else "dsprites"
        super().__init__(name, space, images, storage, version)

    def _display(self, stored: Tensor) -> Tensor:
        return stored.ne(0).to(torch.uint8).mul_(255)[:, None]  # (N, H, W) in {0, 1} -> (N, 1, H, W) in {0, 255}
