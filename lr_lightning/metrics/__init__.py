"""Disentanglement scores as torchmetrics classes, and the suite that runs many of them on one code table."""

import importlib
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lr_lightning.metrics.public import *  # noqa: F403
else:

    def __getattr__(name: str) -> Any:
        """Import the public names when one of them is first used: torch and torchmetrics take seconds."""
        public = importlib.import_module("lr_lightning.metrics.public")
        value = getattr(public, name, None)
        # functions of metrics are in .functional: here, ``dci`` and others are modules
        if value is None or name.startswith("_") or (isinstance(value, FunctionType) and value in public.FUNCTIONS):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return value

    def __dir__() -> list[str]:
        return [name for name in dir(importlib.import_module("lr_lightning.metrics.public")) if name[0] != "_"]
