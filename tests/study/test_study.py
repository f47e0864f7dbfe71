"""The public names of ``lr_lightning.study``."""

import subprocess
import sys

from lr_lightning import study


def test_names_are_imported_on_first_use() -> None:
    script = "import sys; import lr_lightning.study; sys.exit('pandas' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


def test_all_names_can_be_imported() -> None:
    assert set(study.__all__) == set(study._MODULES)
    assert set(study.__all__) <= set(dir(study))
    for name in study.__all__:
        assert getattr(study, name).__name__ == name
