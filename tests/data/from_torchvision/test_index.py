"""The index beside the cached images: when it is used, and when it is built again."""

import os
import shutil
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lr_lightning.data import PictureFolder, TorchvisionDataset
from lr_lightning.data.from_torchvision import construction, public_files
from lr_lightning.data.from_torchvision import recipe as recipes
from lr_lightning.data.from_torchvision.public_files import PublicFiles
from tests.data.from_torchvision import own_sets
from tests.data.sets import torchvision_files as files

MARKED = f"{own_sets.__name__}.Marked"


def levels(dataset: TorchvisionDataset) -> list[int]:
    """The brightness of all images."""
    found: list[int] = dataset.images(torch.arange(len(dataset)))[:, 0, 0, 0].tolist()
    return found


def marked(root: Path, text: str | None = None, **arguments: Any) -> TorchvisionDataset:
    """Images of the brightnesses in ``text``."""
    if text is not None:
        root.mkdir(exist_ok=True)
        (root / "levels.txt").write_text(text)
    return TorchvisionDataset(MARKED, root, **arguments)


@pytest.fixture
def constructions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The classes that are constructed."""
    found: list[str] = []
    construct = construction.construct

    def counted(cls: type[Any], *arguments: Any, **options: Any) -> Any:
        found.append(cls.__name__)
        return construct(cls, *arguments, **options)

    monkeypatch.setattr(recipes, "construct", counted)
    return found


def test_the_class_is_constructed_once(tmp_path: Path, constructions: list[str]) -> None:
    assert levels(marked(tmp_path / "a", "5 6 7")) == [5, 6, 7]
    assert constructions == ["Marked"]
    again = marked(tmp_path / "a")
    assert levels(again) == [5, 6, 7]
    assert again.factors(torch.arange(3)).tolist() == [[1], [0], [1]]
    assert constructions == ["Marked"]


def test_what_determines_the_samples_has_its_own_cache(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "other.txt").write_text("8 9")
    first = marked(tmp_path / "a", "5 6 7")
    others = [
        marked(tmp_path / "a", split="test"),
        marked(tmp_path / "a", arguments={"file": "other.txt"}),
        marked(tmp_path / "a", targets="none"),
        marked(tmp_path / "b", "1"),
    ]
    assert len({dataset.cache.path for dataset in (first, *others)}) == 5
    assert [levels(dataset) for dataset in (first, *others)] == [[5, 6, 7], [5, 6, 7], [8, 9], [5, 6, 7], [1]]
    assert {dataset.cache.path.parent for dataset in (first, *others)} == {tmp_path / "lr_lightning_cache"}


def test_the_folder_can_be_moved_with_its_cache(tmp_path: Path, constructions: list[str]) -> None:
    (tmp_path / "here").mkdir()
    levels(marked(tmp_path / "here" / "a", "5 6"))
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert levels(marked(tmp_path / "there" / "a")) == [5, 6]
    assert constructions == ["Marked"]


def test_caches_may_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LR_LIGHTNING_CACHE", str(tmp_path / "caches"))
    dataset = marked(tmp_path / "a", "5 6")
    assert levels(dataset) == [5, 6]
    assert dataset.cache.path.is_relative_to(tmp_path / "caches")
    assert not (tmp_path / "lr_lightning_cache").exists()


def test_memory_writes_nothing(tmp_path: Path) -> None:
    assert levels(marked(tmp_path / "a", "5 6", storage="memory")) == [5, 6]
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "levels.txt"]


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    levels(marked(tmp_path / "a", "5 6"))
    with pytest.warns(UserWarning, match=rf"reading {MARKED} again: .*levels\.txt changed"):
        dataset = marked(tmp_path / "a", "5 60 7")
    assert levels(dataset) == [5, 60, 7]
    assert dataset.factors(torch.arange(3)).tolist() == [[1], [0], [1]]


def test_files_outside_the_root_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "elsewhere" / "levels.txt"
    other.parent.mkdir()
    other.write_text("1 2")
    monkeypatch.setattr(own_sets.Marked.__init__, "__defaults__", (str(other), "train"))
    assert levels(TorchvisionDataset(MARKED, tmp_path / "root")) == [1, 2]
    other.write_text("3 4")
    with pytest.warns(UserWarning, match="levels.txt changed"):
        assert levels(TorchvisionDataset(MARKED, tmp_path / "root")) == [3, 4]


_MODULE = """
import torch
from torchvision.transforms import v2

class Constant:
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return torch.full((1, 4, 4), LEVEL, dtype=torch.uint8), index

class Fill(v2.Transform):
    def transform(self, image, params):
        return torch.full_like(image, LEVEL)
"""


@pytest.mark.parametrize("is_transform", [False, True])
def test_a_module_of_the_same_name_has_its_own_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_transform: bool
) -> None:
    for level in (10, 20):
        folder = tmp_path / str(level)
        folder.mkdir()
        (folder / "equally_named.py").write_text(_MODULE.replace("LEVEL", str(level)))
        monkeypatch.delitem(sys.modules, "equally_named", raising=False)
        with monkeypatch.context() as within:
            within.syspath_prepend(folder)
            fill = import_module("equally_named").Fill()
            name, transforms = ("FakeData", [fill]) if is_transform else ("equally_named.Constant", None)
            arguments = {"size": 2, "image_size": [1, 4, 4]} if is_transform else {}
            found = TorchvisionDataset(name, tmp_path / "root", arguments=arguments, transforms=transforms)
            assert levels(found) == [level, level]
    monkeypatch.delitem(sys.modules, "equally_named")


def test_a_relative_path_in_another_folder_has_its_own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "root").mkdir()
    for level in (10, 20):
        folder = tmp_path / str(level) / "images"
        folder.mkdir(parents=True)
        (folder / "levels.txt").write_text(str(level))
        monkeypatch.chdir(folder.parent)
        found = TorchvisionDataset(f"{own_sets.__name__}.MarkedIn", tmp_path / "root", arguments={"folder": "images"})
        assert levels(found) == [level]


@pytest.mark.parametrize("rebuilt", [False, True])
def test_what_changed_since_it_was_opened_is_refused(tmp_path: Path, rebuilt: bool) -> None:
    """Labels in memory would not be those of the images."""
    old = marked(tmp_path / "a", "5 6 7")
    (tmp_path / "a" / "levels.txt").write_text("6 7 8 ")
    if rebuilt:
        with pytest.warns(UserWarning, match="changed"):
            assert levels(marked(tmp_path / "a")) == [6, 7, 8]
    for use in (lambda: levels(old), old.prepare):
        with pytest.raises(ValueError, match="open it again"):
            use()


def test_a_removed_file_is_missing(tmp_path: Path) -> None:
    levels(marked(tmp_path / "a", "5 6"))
    (tmp_path / "a" / "levels.txt").unlink()
    with pytest.warns(UserWarning, match="changed"), pytest.raises(FileNotFoundError, match=r"Marked .*levels\.txt"):
        marked(tmp_path / "a")


def test_a_cache_among_the_classes_is_no_class(tmp_path: Path) -> None:
    files.write_folders(tmp_path, ("apes", "zebras"))
    cache = PictureFolder(tmp_path).prepare()
    assert cache is not None
    assert cache.parent == tmp_path / "lr_lightning_cache"
    dataset = TorchvisionDataset("ImageFolder", tmp_path)
    assert dataset.factor_space.value_names == {"label": ("apes", "zebras")}
    shutil.rmtree(tmp_path / "apes")
    shutil.rmtree(tmp_path / "zebras")
    with pytest.warns(UserWarning, match="changed"), pytest.raises(FileNotFoundError, match="class folder"):
        TorchvisionDataset("ImageFolder", tmp_path)


@pytest.mark.parametrize("change", ["add", "remove", "rename", "class"])
def test_changed_folders_are_noticed(tmp_path: Path, change: str) -> None:
    root = tmp_path / "pets"
    files.write_folders(root, ("cat", "dog"))
    before = TorchvisionDataset("ImageFolder", root)
    len(levels(before))
    time.sleep(0.01)
    match change:
        case "add":
            shutil.copy(root / "dog" / "0.png", root / "cat" / "9.png")
        case "remove":
            (root / "cat" / "1.png").unlink()
        case "rename":
            (root / "cat" / "1.png").rename(root / "cat" / "4.png")
        case "class":
            shutil.copytree(root / "cat", root / "ape")
    with pytest.warns(UserWarning, match="changed"):
        after = TorchvisionDataset("ImageFolder", root)
    assert len(after) == len(levels(after)) == {"add": 7, "remove": 5, "rename": 6, "class": 9}[change]


@pytest.mark.parametrize("published", [False, True])
def test_an_overwritten_image_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published: bool) -> None:
    """In published sets only by verifying."""
    if published:
        monkeypatch.setitem(public_files._FILES, "ImageFolder", PublicFiles(archives=("pets.zip",)))
    root = tmp_path / "pets"
    files.write_folders(root, ("cat", "dog"))
    before = levels(TorchvisionDataset("ImageFolder", root))
    shutil.copy(root / "dog" / "2.png", root / "dog" / "1.png")
    with nullcontext() if published else pytest.warns(UserWarning, match="images in .*pets changed"):
        dataset = TorchvisionDataset("ImageFolder", root)
    if published:
        assert levels(dataset) == before
        dataset.prepare(verify=True)
    assert levels(dataset) == [*before[:4], before[5], before[5]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert levels(TorchvisionDataset("ImageFolder", root)) == levels(dataset)


def test_verifying_runs_the_checks_of_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_svhn(tmp_path / "a", monkeypatch)
    dataset = TorchvisionDataset("SVHN", tmp_path / "a")
    built = dataset.prepare()
    assert built is not None
    state = built.stat()
    assert dataset.prepare(verify=True) == built
    assert built.stat().st_mtime_ns == state.st_mtime_ns
    path = tmp_path / "a" / "train_32x32.mat"
    content, times = path.read_bytes(), path.stat()
    path.write_bytes(content[:-1] + b"x")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(OSError, match=r"train_32x32\.mat .*checksum"):
        TorchvisionDataset("SVHN", tmp_path / "a").prepare(verify=True)


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"damaged"])
def test_a_damaged_index_is_built_again(tmp_path: Path, content: bytes) -> None:
    dataset = marked(tmp_path / "a", "5 6")
    levels(dataset)
    index = next((tmp_path / "lr_lightning_cache").glob("*.index.npz"))
    index.write_bytes(content or index.read_bytes()[:-30])
    with pytest.warns(UserWarning, match=r"reading .* again: .*index\.npz is damaged"):
        assert levels(marked(tmp_path / "a")) == [5, 6]


@pytest.mark.parametrize("factors", [[[2], [0]], [[-1], [0]], [[0, 0], [1, 1]], [0, 1], [[0.5], [0.5]], [b"a", b"b"]])
def test_an_index_of_other_factors_is_built_again(tmp_path: Path, factors: Any) -> None:
    levels(marked(tmp_path / "a", "5 6"))
    index = next((tmp_path / "lr_lightning_cache").glob("*.index.npz"))
    with np.load(index) as arrays:
        description = arrays["description"]
    np.savez(index, description=description, factors=np.array(factors))
    with pytest.warns(UserWarning, match=r"reading .* again: .*index\.npz is damaged \(its factors"):
        dataset = marked(tmp_path / "a")
    assert dataset.factors(torch.arange(2)).tolist() == [[1], [0]]


def test_processes_share_one_cache(tmp_path: Path) -> None:
    marked(tmp_path / "a", "5 6 7", storage="memory")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(_levels_at, [tmp_path / "a"] * 2))
    assert found == [[5, 6, 7]] * 2


def _levels_at(root: Path) -> list[int]:
    warnings.simplefilter("error")
    return levels(marked(root))


def test_a_set_without_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"no samples in {tmp_path}"):
        marked(tmp_path / "a", "")


def test_arguments_must_be_plain(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="arguments must be plain values"):
        TorchvisionDataset("FakeData", tmp_path, arguments={"size": torch.tensor(3)})
