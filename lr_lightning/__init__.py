"""Train autoencoders and VAEs, and measure their latent spaces with interventional assays."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lr_lightning.runs import Evaluation, ExplorerPage, Run, RunCodes, Scores, fit, import_model, load_run

__version__ = "0.1.0.dev0"
__all__ = ["Evaluation", "ExplorerPage", "Run", "RunCodes", "Scores", "__version__", "fit", "import_model", "load_run"]


def __getattr__(name: str) -> Any:
    """Import a name on first use: ``import lr_lightning`` imports neither PyTorch nor Lightning."""
    if name in __all__:
        return getattr(import_module("lr_lightning.runs"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
