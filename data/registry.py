"""The known data sets by name."""

from importlib import import_module

from lr_lightning.common.registry import Registry, public_path
from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.dataset import FactorDataset

DATA_SETS = Registry(
    "data set",
    FactorDataset,  # type: ignore[type-abstract]
    {
        "shapes3d": "lr_lightning.data.sets.shapes3d:Shapes3D",
        "rendered_shapes3d": "lr_lightning.data.sets.rendered_shapes3d:RenderedShapes3D",
        "dsprites": "lr_lightning.data.sets.dsprites:DSprites",
        "rendered_dsprites": "lr_lightning.data.sets.rendered_dsprites:RenderedDSprites",
        "color_dsprites": "lr_lightning.data.sets.dsprites_variants:ColorDSprites",
        "noisy_dsprites": "lr_lightning.data.sets.dsprites_variants:NoisyDSprites",
        "scream_dsprites": "lr_lightning.data.sets.dsprites_variants:ScreamDSprites",
        "mpi3d_toy": "lr_lightning.data.sets.mpi3d:MPI3D",
        "mpi3d_realistic": "lr_lightning.data.sets.mpi3d:MPI3D",
        "mpi3d_real": "lr_lightning.data.sets.mpi3d:MPI3D",
        "mpi3d_real_complex": "lr_lightning.data.sets.mpi3d:MPI3D",
        "cars3d": "lr_lightning.data.sets.cars3d:Cars3D",
        "small_norb": "lr_lightning.data.sets.small_norb:SmallNORB",
        "mnist": "lr_lightning.data.sets.mnist:MNIST",
        "fashion_mnist": "lr_lightning.data.sets.mnist:MNIST",
        "kmnist": "lr_lightning.data.sets.torchvision_dataset:TorchvisionDataset",
        "emnist_byclass": "lr_lightning.data.sets.torchvision_dataset:TorchvisionDataset",
        "emnist_bymerge": "lr_lightning.data.sets.torchvision_dataset:TorchvisionDataset",
        "emnist_balanced": "lr_lightning.data.sets.torchvision_dataset:TorchvisionDataset",
        "emnist_letters": "lr_lightning.data.sets.torchvision_dataset:TorchvisionDataset",
        "emnist_digits": "lr_lightning.data.sets.torchvision_dataset:TorchvisionDataset",
        "emnist_mnist": "lr_lightning.data.sets.torchvision_dataset:TorchvisionDataset",
        "cifar10": "lr_lightning.data.sets.torchvision_dataset:TorchvisionDataset",
        "cifar100": "lr_lightning.data.sets.torchvision_dataset:TorchvisionDataset",
        "svhn": "lr_lightning.data.sets.torchvision_dataset:TorchvisionDataset",
        "celeba": "lr_lightning.data.sets.torchvision_dataset:TorchvisionDataset",
        "stl10": "lr_lightning.data.sets.torchvision_dataset:TorchvisionDataset",
        "omniglot": "lr_lightning.data.sets.torchvision_dataset:TorchvisionDataset",
        "xy_squares": "lr_lightning.data.sets.xy_squares:XYSquares",
        "double_helix": "lr_lightning.data.sets.double_helix:DoubleHelix",
    },
    group="lr_lightning.data_sets",
)
"""Data set classes by the names in their records; a class with several records has one line per record."""

OWN_DATA = {
    "Downsampled": "lr_lightning.data.sets.downsampled:Downsampled",
    "CustomDataset": "lr_lightning.data.custom.custom_dataset:CustomDataset",
    "PictureFolder": "lr_lightning.data.sets.picture_folder:PictureFolder",
}
"""Classes without a record, which open data of the user or change another set: import paths by class name."""


def import_data_sets() -> None:
    """Import the data set classes of this package, so that configs can name them without their module."""
    DATA_SETS.import_own()
    for path in OWN_DATA.values():
        import_module(path.partition(":")[0])


def find_data_set(name: str) -> tuple[type[FactorDataset], DataSetRecord]:
    """Return the class that opens a data set, and the record of the set.

    Args:
        name: Name of a set in this package or, by entry point, in another installed package; or the import path of a
            class with a single record.

    Raises:
        ValueError: If there is no such set, its class cannot be imported, or it has no record of this name.
    """
    cls = DATA_SETS[name]
    records = {record.name: record for record in cls.records}
    if name in records:
        return cls, records[name]
    if name in DATA_SETS:
        raise ValueError(f"{public_path(cls)} must have a record named {name!r}, got {', '.join(records) or 'none'}")
    if len(records) != 1:
        hint = f"several; give one of their names: {', '.join(records)}" if records else "none"
        raise ValueError(f"{name} must have exactly one record, got {hint}")
    return cls, cls.records[0]
