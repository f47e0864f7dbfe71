"""Tests for classes of other packages: subclass a tester, name your class, and run pytest."""

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lr_lightning.testing.assay_tester import AssayTester as AssayTester
    from lr_lightning.testing.data_set_tester import DataSetTester as DataSetTester
    from lr_lightning.testing.metric_tester import MetricTester as MetricTester
    from lr_lightning.testing.model_tester import ModelTester as ModelTester

_MODULES = {
    "AssayTester": "assay_tester",
    "DataSetTester": "data_set_tester",
    "MetricTester": "metric_tester",
    "ModelTester": "model_tester",
}


def __getattr__(name: str) -> Any:
    """Import a tester when it is used, because each imports the code that it tests."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import pytest

    path = f"{__name__}.{_MODULES[name]}"
    if path not in sys.modules:
        pytest.register_assert_rewrite(path)  # makes failed assertions show the compared values
    return getattr(importlib.import_module(path), name)
