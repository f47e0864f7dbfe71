"""Factor spaces, data sets and the data module that feeds them to a Trainer."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.dataset import FactorBatch, FactorDataset
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.loading.augmented_pairs import AugmentedPairs
from lr_lightning.data.loading.batch_loader import BatchLoader
from lr_lightning.data.loading.correlation import FactorCorrelation
from lr_lightning.data.loading.factor_groups import FactorGroups, FactorPairs, FactorTriplets
from lr_lightning.data.loading.groups import PairBatch, SampleGroups, TripletBatch
from lr_lightning.data.opening import open_data_set
from lr_lightning.data.registry import DATA_SETS, OWN_DATA
from lr_lightning.data.storage.public_file import PublicFile
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset

if TYPE_CHECKING:
    from lr_lightning.data.custom.custom_dataset import CustomDataset
    from lr_lightning.data.loading.datamodule import FactorDataModule
    from lr_lightning.data.storage.file_dataset import FileFactorDataset

__all__ = [
    "AugmentedPairs",
    "BatchLoader",
    "CustomDataset",
    "DataSetRecord",
    "FactorBatch",
    "FactorCorrelation",
    "FactorDataModule",
    "FactorDataset",
    "FactorGroups",
    "FactorPairs",
    "FactorSpace",
    "FactorTriplets",
    "FileFactorDataset",
    "PairBatch",
    "PublicFile",
    "SampleGroups",
    "TensorFactorDataset",
    "TripletBatch",
    "open_data_set",
]

# Imported when first used: Lightning, HDF5 and SciPy take seconds to import.
_LAZY = {
    "FactorDataModule": "lr_lightning.data.loading.datamodule:FactorDataModule",
    "FileFactorDataset": "lr_lightning.data.storage.file_dataset:FileFactorDataset",
    **OWN_DATA,
    **{path.partition(":")[2]: path for path in DATA_SETS.entries.values()},
}
__all__ += [name for name in _LAZY if name not in __all__]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name].partition(":")[0]), name)
