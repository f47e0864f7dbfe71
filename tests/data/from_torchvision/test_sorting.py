"""The order of samples does not depend on the file system."""

import os
from pathlib import Path
from typing import Any

import pytest
from torchvision import datasets

from lr_lightning.data.from_torchvision.construction import construct
from tests.data.sets import torchvision_files as files


def opened(cls: Any, root: Path, **arguments: Any) -> Any:
    """The constructed data set."""
    return construct(cls, arguments, root, download=False)[0]


def test_omniglot_is_in_alphabetical_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_omniglot(tmp_path, monkeypatch)
    listed = datasets.omniglot.list_dir
    monkeypatch.setattr(datasets.omniglot, "list_dir", lambda *arguments: sorted(listed(*arguments), reverse=True))
    dataset = opened(datasets.Omniglot, tmp_path)
    assert dataset._characters == sorted(dataset._characters)
    assert [place for _, place in dataset._flat_character_images] == [place for place in range(5) for _ in range(3)]
    assert [name for name, _ in dataset._flat_character_images] == [
        f"{place:04d}_{drawer:02d}.png" for place in range(5) for drawer in (1, 2, 3)
    ]


def test_sun397_is_in_alphabetical_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{folder}/sun_{number}.jpg" for folder in ("a/abbey", "b/bar") for number in range(3)]
    for name in names:
        path = tmp_path / "SUN397" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "SUN397" / "ClassName.txt").write_text("/a/abbey\n/b/bar\n")
    monkeypatch.setattr(Path, "rglob", lambda folder, _: (folder / name for name in reversed(names)))
    dataset = opened(datasets.SUN397, tmp_path)
    assert [path.relative_to(tmp_path / "SUN397").as_posix() for path in dataset._image_files] == names
    assert dataset._labels == [0, 0, 0, 1, 1, 1]


def test_inaturalist_is_in_alphabetical_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    categories = [f"0000{place}_Animalia_Chordata_Aves_Order_Family_Genus_{place}" for place in range(2)]
    for category in categories:
        folder = tmp_path / "2021_valid" / category
        folder.mkdir(parents=True)
        for name in ("a.jpg", "b.jpg", "c.jpg"):
            (folder / name).touch()
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: sorted(listed(path), reverse=True))
    dataset = opened(datasets.INaturalist, tmp_path, version="2021_valid")
    assert dataset.index == [(place, name) for place in range(2) for name in ("a.jpg", "b.jpg", "c.jpg")]
