"""The public 3DShapes file."""

from pathlib import Path

import numpy as np
from torch import Tensor

from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.storage.file_dataset import FileFactorDataset, Storage, check_grid_order
from lr_lightning.data.storage.h5_images import H5Images, h5_renderer, h5_table, open_h5
from lr_lightning.data.storage.public_file import PublicFile

_HUES = [i / 10 for i in range(10)]

#: 480,000 combinations. Hues are HSV hues in [0, 1), scale is relative, and orientation is the camera's azimuth in
#: degrees.
SHAPES3D_FACTORS = FactorSpace(
    names=["floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation"],
    sizes=[10, 10, 10, 8, 4, 15],
    values=[_HUES, _HUES, _HUES, np.linspace(0.75, 1.25, 8).tolist(), range(4), np.linspace(-30, 30, 15).tolist()],
    value_names={"shape": ["cube", "cylinder", "sphere", "capsule"]},
)

_REMEDY = (
    "fetch the public file with `lr-lightning data prepare shapes3d`, or use its rendered twin, RenderedShapes3D, "
    "which needs no file"
)


class Shapes3D(FileFactorDataset):
    """3DShapes: 480,000 images of an object in a room, from the public ``3dshapes.h5``.

    Six factors: hue of floor, wall and object, scale, shape, orientation. Also reads files in the same layout written
    by ``lr-lightning data render``; the name is then ``"rendered_shapes3d"`` if the images were
    rendered. The order of the factors is checked when the file is opened.

    License of the public file: Apache-2.0.

    Args:
        path: The file, with ``images`` (N, 64, 64, 3) uint8 and ``labels`` (N, 6) float64.
        storage: Where images are read from, see :class:`~lr_lightning.data.FileFactorDataset`. The
            memory-mapped cache or all images in memory take 5.9 GB.
        factor_space: The grid in the file, if it is a part of 3DShapes.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it is not an HDF5 file, or is truncated.
        KeyError: If one of the two arrays is missing.
        ValueError: If their shape, dtype or order is not as above.

    References:
        Burgess and Kim, 3D Shapes Dataset, 2018, https://github.com/google-deepmind/3d-shapes.
    """

    records = (
        DataSetRecord(
            name="shapes3d",
            title="3DShapes: an object in a room",
            num_samples=len(SHAPES3D_FACTORS),
            image_shape=(3, 64, 64),
            factor_space=SHAPES3D_FACTORS,
            license="Apache-2.0",
            files=(
                PublicFile(
                    "3dshapes.h5",
                    "https://storage.googleapis.com/3d-shapes/3dshapes.h5",
                    "099a2078d58cec4daad0702c55d06868",
                ),
            ),
            path="3dshapes.h5",
            twin="rendered_shapes3d",
        ),
    )
    image_shape: tuple[int, ...] = (3, 64, 64)

    def __init__(self, path: str | Path, storage: Storage = "cache", factor_space: FactorSpace | None = None) -> None:
        path, space = Path(path), factor_space or SHAPES3D_FACTORS
        with open_h5(path, _REMEDY) as file:
            labels = h5_table(file, "labels", (len(space), space.num_factors), "float64", _REMEDY)
            check_grid_order(labels, space, path, "labels", _REMEDY)
            rendered, version = h5_renderer(file, _REMEDY)
        images = H5Images(path, "images", (len(space), 64, 64, 3), "uint8", _REMEDY)
        name = "rendered_shapes3d" if rendered else "shapes3d"
        super().__init__(name, space, images, storage, version)

    def _display(self, stored: Tensor) -> Tensor:
        return stored.permute(0, 3, 1, 2).contiguous()  # (N, H, W, C) -> (N, C, H, W)
