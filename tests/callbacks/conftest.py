"""What holds whenever an assay runs."""

from fnmatch import fnmatchcase
from typing import Any

import pytest

from lr_lightning.callbacks import AssayCallback


@pytest.fixture(autouse=True)
def _scalars_are_those_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold each assay that states its quantities to them, in every test of this folder."""
    run_and_save = AssayCallback.run_and_save

    def checked(self: AssayCallback, *arguments: Any) -> dict[str, float]:
        scalars = run_and_save(self, *arguments)
        if self.quantities is not None and self.result is not None:
            found, stated = list(self.result.scalars), self.quantities
            assert [key for key in found if not any(fnmatchcase(key, pattern) for pattern in stated)] == []
        return scalars

    monkeypatch.setattr(AssayCallback, "run_and_save", checked)
