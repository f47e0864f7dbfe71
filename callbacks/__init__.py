"""Lightning callbacks: when an assay runs and where its results go.

Assays are imported when they are first used; their names come from :data:`ASSAYS`.
"""

from typing import TYPE_CHECKING, Any

from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.code_table import CodeTable, CodeTableCollector
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.ensemble_assay import EnsembleAssay
from lr_lightning.callbacks.registry import ASSAYS
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.run.adaptive_threads import AdaptiveThreads
from lr_lightning.callbacks.run.code_files import CodeFiles
from lr_lightning.callbacks.run.model_summary import RunModelSummary
from lr_lightning.callbacks.run.progress import RunProgressBar
from lr_lightning.callbacks.run.resumption import Resumption
from lr_lightning.callbacks.run.run_checkpoint import RunCheckpoint
from lr_lightning.callbacks.run.run_record import RunRecord
from lr_lightning.callbacks.run.seed_checkpoints import SeedCheckpoints

if TYPE_CHECKING:
    from lr_lightning.callbacks.registry import *  # noqa: F403  (the assay classes)

__all__ = [
    "ASSAYS",
    "AdaptiveThreads",
    "AssayCallback",
    "AssayContext",
    "AssayResult",
    "CodeFiles",
    "CodeTable",
    "CodeTableCollector",
    "EnsembleAssay",
    "Resumption",
    "RunCheckpoint",
    "RunModelSummary",
    "RunProgressBar",
    "RunRecord",
    "SeedCheckpoints",
]

_ASSAY_CLASSES = {path.partition(":")[2]: name for name, path in ASSAYS.entries.items()}
__all__ += sorted(_ASSAY_CLASSES)


def __getattr__(name: str) -> Any:
    """Import the assay class called ``name``."""
    if name not in _ASSAY_CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = ASSAYS[_ASSAY_CLASSES[name]]  # so that it is imported once
    return globals()[name]


def __dir__() -> list[str]:
    """Return the public names, those not yet imported included."""
    return sorted(__all__)
