"""Data sets opened by name on the command line, and their caches."""

from pathlib import Path

import numpy as np
import pytest

from lr_lightning.commands.data.opening import is_class, is_description, open_named, prepare_cache
from lr_lightning.data import ColorDSprites, CustomDataset, DoubleHelix, RenderedDSprites


@pytest.fixture
def description(tmp_path: Path) -> Path:
    """Two gray images with their description."""
    np.savez(tmp_path / "s.npz", images=np.full((2, 4, 4), 255, np.uint8))
    (tmp_path / "s.yaml").write_text("name: s\nfactors: {x: 2}\nimages: s.npz\nlayout: NHW\n")
    return tmp_path / "s.yaml"


def test_names_are_told_apart() -> None:
    assert [name for name in ("s.yaml", "s.yml", "yaml", "s.yaml.txt") if is_description(name)] == ["s.yaml", "s.yml"]
    names = ("MNIST", "my.MySet", "mnist", "s.yaml", "FactorSpace", "FactorDataModule")
    assert [name for name in names if is_class(name)] == ["MNIST", "my.MySet"]


def test_each_name_opens_its_set(description: Path, tmp_path: Path) -> None:
    assert isinstance(open_named("double_helix", tmp_path), DoubleHelix)
    assert isinstance(open_named("RenderedDSprites", tmp_path), RenderedDSprites)
    assert open_named(str(description), tmp_path).name == "s"
    dataset = open_named(
        "ColorDSprites", tmp_path, ["--dataset.sprites=CustomDataset", f"--dataset.sprites.path={description}"]
    )
    assert (dataset.name, len(dataset)) == ("color_s", 2)


def test_a_cache_is_made_for_sets_that_keep_one(description: Path, tmp_path: Path) -> None:
    assert prepare_cache(DoubleHelix()) is None
    assert prepare_cache(RenderedDSprites()) is None
    assert prepare_cache(CustomDataset(description, storage="memory")) is None
    assert list(tmp_path.glob("**/*.rows")) == []
    path = prepare_cache(ColorDSprites(CustomDataset(description)))
    assert path is not None
    assert [path] == list(tmp_path.glob("lr_lightning_cache/*.rows"))
    assert prepare_cache(CustomDataset(description)) == path


def test_a_damaged_cache_is_found_where_that_is_asked_for(description: Path) -> None:
    path = prepare_cache(CustomDataset(description))
    assert path is not None
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"x")
    prepare_cache(CustomDataset(description))
    assert path.read_bytes() != whole
    with pytest.warns(UserWarning, match="checksum"):
        prepare_cache(CustomDataset(description), verify=True)
    assert path.read_bytes() == whole
