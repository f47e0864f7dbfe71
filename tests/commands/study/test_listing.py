"""`lr-lightning study list`."""

import subprocess
import sys
from pathlib import Path

import pytest

from lr_lightning.commands.study.command import main
from lr_lightning.study.layout import StudyFolder
from lr_lightning.study.manifest import Cell, Manifest, write_manifest


def test_packaged_studies_and_those_begun_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    root = Path("mine")
    cells = tuple(Cell(str(number), 1, str(number), "VAE", "XY", {}) for number in range(3))
    write_manifest(StudyFolder(root, "own"), Manifest("own", "", "0", cells, (0, 1)))
    (root / "broken").mkdir()
    (root / "broken" / "manifest.json").write_text("[")
    assert main(["list", "--root", "mine"]) == 0
    text = capsys.readouterr().out
    assert "locatello2019: 252 cells x 50 seeds = 12,600 runs" in text
    assert "own: 3 cells x 2 seeds = 6 runs" in text
    assert str(root / "broken" / "manifest.json") in text


def test_listing_imports_no_torch() -> None:
    code = (
        "import sys; from lr_lightning.commands.study.command import main; main(['list']); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
