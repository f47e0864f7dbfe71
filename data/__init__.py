"""Factor spaces, data sets and the data module that feeds them to a Trainer."""

from typing import TYPE_CHECKING, Any

from lr_lightning.data.dataset import FactorBatch, FactorDataset
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.loading.batch_loader import BatchLoader
from lr_lightning.data.loading.correlation import FactorCorrelation
from lr_lightning.data.loading.factor_groups import FactorGroups, FactorPairs, FactorTriplets, PairBatch, TripletBatch
from lr_lightning.data.opening import open_data_set
from lr_lightning.data.sets.cars3d import Cars3D
from lr_lightning.data.sets.custom_dataset import CustomDataset
from lr_lightning.data.sets.double_helix import DoubleHelix
from lr_lightning.data.sets.dsprites import DSprites
from lr_lightning.data.sets.dsprites_variants import ColorDSprites, NoisyDSprites, ScreamDSprites
from lr_lightning.data.sets.mnist import MNIST
from lr_lightning.data.sets.mpi3d import MPI3D
from lr_lightning.data.sets.rendered_dsprites import RenderedDSprites
from lr_lightning.data.sets.rendered_shapes3d import RenderedShapes3D
from lr_lightning.data.sets.shapes3d import Shapes3D
from lr_lightning.data.sets.small_norb import SmallNORB

if TYPE_CHECKING:
    from lr_lightning.data.loading.datamodule import FactorDataModule

__all__ = [
    "MNIST",
    "MPI3D",
    "BatchLoader",
    "Cars3D",
    "ColorDSprites",
    "CustomDataset",
    "DSprites",
    "DoubleHelix",
    "FactorBatch",
    "FactorCorrelation",
    "FactorDataModule",
    "FactorDataset",
    "FactorGroups",
    "FactorPairs",
    "FactorSpace",
    "FactorTriplets",
    "NoisyDSprites",
    "PairBatch",
    "RenderedDSprites",
    "RenderedShapes3D",
    "ScreamDSprites",
    "Shapes3D",
    "SmallNORB",
    "TripletBatch",
    "open_data_set",
]


def __getattr__(name: str) -> Any:
    """Import the data module when it is first asked for: it needs Lightning, which takes seconds to import."""
    if name == "FactorDataModule":
        from lr_lightning.data.loading.datamodule import FactorDataModule

        return FactorDataModule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
