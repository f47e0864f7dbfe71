"""The registry of assays, which defines the exports of the package."""

import subprocess
import sys

import pytest

from lr_lightning import callbacks
from lr_lightning.callbacks import ASSAYS, AssayCallback


def test_every_assay_is_registered_under_its_own_name() -> None:
    assert all(ASSAYS[name].name == name for name in ASSAYS.entries)
    own = {kind for kind in AssayCallback.__subclasses__() if kind.__module__.startswith("lr_lightning.")}
    assert {ASSAYS[name] for name in ASSAYS.entries} == own - {callbacks.EnsembleAssay}


def test_the_package_exports_every_assay() -> None:
    classes = {ASSAYS[name].__name__: ASSAYS[name] for name in ASSAYS.entries}
    assert classes.keys() < set(callbacks.__all__) == set(dir(callbacks))
    assert {name: getattr(callbacks, name) for name in classes} == classes
    with pytest.raises(AttributeError, match="NoSuchAssay"):
        callbacks.NoSuchAssay  # noqa: B018


def test_assays_are_imported_when_they_are_used() -> None:
    code = (
        "import sys; import lr_lightning.callbacks as callbacks; "
        "loaded = lambda: [name for name in sys.modules if name.startswith('lr_lightning.callbacks.assays.')]; "
        "assert not loaded(); callbacks.ReconstructionAssay; "
        "assert loaded() == ['lr_lightning.callbacks.assays.reconstruction'], loaded()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
