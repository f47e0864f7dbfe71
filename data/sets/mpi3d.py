"""The public MPI3D files: an object held by a robot arm, rendered and photographed."""

from pathlib import Path
from typing import Literal

from torch import Tensor

from lr_lightning.common.checks import check_choice
from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.storage.file_dataset import FileFactorDataset, Storage
from lr_lightning.data.storage.npz_images import NpzImages
from lr_lightning.data.storage.public_file import PublicFile

_NAMES = ["object_color", "object_shape", "object_size", "camera_height", "background_color", "horizontal", "vertical"]
_COMMON_VALUE_NAMES = {
    "object_size": ["small", "large"],
    "camera_height": ["top", "center", "bottom"],
    "background_color": ["purple", "sea green", "salmon"],
}

#: 1,036,800 combinations of the variants toy, realistic and real. Positions of the arm are in steps.
MPI3D_FACTORS = FactorSpace(
    _NAMES,
    [6, 6, 2, 3, 3, 40, 40],
    value_names={
        "object_color": ["white", "green", "red", "blue", "brown", "olive"],
        "object_shape": ["cone", "cube", "cylinder", "hexagonal", "pyramid", "sphere"],
        **_COMMON_VALUE_NAMES,
    },
)

#: 460,800 combinations of the variant real_complex.
MPI3D_COMPLEX_FACTORS = FactorSpace(
    _NAMES,
    [4, 4, 2, 3, 3, 40, 40],
    value_names={
        "object_color": ["yellow", "green", "olive", "red"],
        "object_shape": ["coffee cup", "tennis ball", "croissant", "beer cup"],
        **_COMMON_VALUE_NAMES,
    },
)

_BUCKET = "https://storage.googleapis.com/mpi3d_disentanglement_dataset/data"
_AUTHORS = "https://huggingface.co/datasets/waleedgondal/mpi3d/resolve/main"


def _record(
    variant: str, title: str, space: FactorSpace, url: str, md5: str | None, mirrors: tuple[str, ...] = ()
) -> DataSetRecord:
    path = f"mpi3d_{variant}.npz"
    return DataSetRecord(
        name=f"mpi3d_{variant}",
        title=f"MPI3D: an object held by a robot arm, {title}",
        num_samples=len(space),
        image_shape=(3, 64, 64),
        factor_space=space,
        license="CC-BY-4.0",
        files=(PublicFile(path, url, md5, mirrors),),
        path=path,
        options={"variant": variant},
    )


_RECORDS = {
    "toy": _record(
        "toy",
        "rendered simply",
        MPI3D_FACTORS,
        f"{_BUCKET}/mpi3d_toy.npz",
        "55889cb7c7dfc655d6e0277beee88868",
        mirrors=(f"{_AUTHORS}/mpi3d_toy.npz",),
    ),
    "realistic": _record(
        "realistic",
        "rendered realistically",
        MPI3D_FACTORS,
        f"{_BUCKET}/mpi3d_realistic.npz",
        "59a6225b88b635365f70c91b3e52f70f",
        mirrors=(f"{_AUTHORS}/mpi3d_realistic.npz",),
    ),
    "real": _record(
        "real",
        "photographed",
        MPI3D_FACTORS,
        f"{_BUCKET}/real.npz",  # without the prefix mpi3d_ of the other two
        "0f33f609918fb5c97996692f91129802",
        mirrors=(f"{_AUTHORS}/mpi3d_real.npz",),
    ),
    "real_complex": _record(
        "real_complex",
        "photographed with everyday objects",
        MPI3D_COMPLEX_FACTORS,
        "https://drive.usercontent.google.com/download?id=1Tp8eTdHxgUMtsZv5uAoYAbJR1BOa_OQm&export=download&confirm=t",
        md5=None,
    ),
}


class MPI3D(FileFactorDataset):
    """MPI3D: images of an object that a robot arm moves along two axes, from a public ``.npz`` file.

    Seven factors: color, shape and size of the object, height of the camera, color of the background, and the position
    of the arm on a horizontal and a vertical axis, 40 steps each. The file contains no labels: images are in row-major
    order, the vertical axis fastest.

    An older release of the toy and realistic sets has four colors, four shapes and 460,800 images, sometimes under the
    same file name. It is rejected, as its images show other combinations.

    License of the public files: CC-BY-4.0.

    Args:
        path: The file, with ``images`` (N, 64, 64, 3) uint8.
        variant: ``"toy"`` and ``"realistic"`` are rendered, ``"real"`` is photographed, 1,036,800 images each;
            ``"real_complex"`` is photographed with everyday objects, 460,800 images.
        storage: ``"cache"``, which takes 12.7 GB of disk (5.7 GB for ``"real_complex"``), or ``"memory"``, which takes
            as much memory in each process; see :class:`~lr_lightning.data.FileFactorDataset`.
        factor_space: The grid in the file, if it is a part of the variant.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it is not a zip archive, or is damaged.
        KeyError: If it contains no ``images``.
        ValueError: If ``variant`` is none of the four, ``images`` has the wrong shape or dtype, the file belongs to the
            older release or to another variant, or ``storage`` is neither of the two.

    References:
        Gondal et al., On the Transfer of Inductive Bias from Simulation to the Real World: a New Disentanglement
        Dataset, 2019, arXiv:1906.03292.
    """

    records = tuple(_RECORDS.values())
    image_shape: tuple[int, ...] = (3, 64, 64)

    def __init__(
        self,
        path: str | Path,
        variant: Literal["toy", "realistic", "real", "real_complex"] = "real",
        storage: Storage = "cache",
        factor_space: FactorSpace | None = None,
    ) -> None:
        check_choice("variant", variant, tuple(_RECORDS))
        record = _RECORDS[variant]
        space = factor_space or record.factor_space
        super().__init__(record.name, space, _open(Path(path), variant, space), storage)

    def _display(self, stored: Tensor) -> Tensor:
        return stored.permute(0, 3, 1, 2).contiguous()  # (N, H, W, C) -> (N, C, H, W)


def _open(path: Path, variant: str, space: FactorSpace) -> NpzImages:
    """Open the images; raise an error that identifies the file if it belongs to another variant or release."""
    remedy = f"fetch the public file with `lr-lightning data prepare mpi3d_{variant}`"
    try:
        return NpzImages(path, "images", (len(space), 64, 64, 3), "uint8", remedy)
    except ValueError:
        complex_ = variant == "real_complex"
        if not _holds(path, MPI3D_FACTORS if complex_ else MPI3D_COMPLEX_FACTORS):
            raise
    if complex_:
        raise ValueError(
            f"{path} contains the 1,036,800 images of variant toy, realistic or real, not those of real_complex; set "
            f"the right variant, or {remedy}"
        )
    raise ValueError(
        f"{path} contains 460,800 images: either an older release with four colors and four shapes, or variant "
        f"real_complex, not the 1,036,800 images of variant {variant}; {remedy}"
    )


def _holds(path: Path, space: FactorSpace) -> bool:
    """Return whether the file has as many images as ``space`` has combinations."""
    try:
        NpzImages(path, "images", (len(space), 64, 64, 3), "uint8", remedy="")
    except ValueError:
        return False
    return True
