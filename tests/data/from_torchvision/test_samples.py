"""Images of samples become rows, in one process or several."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets
from torchvision.transforms import v2

from lr_lightning.data import TorchvisionDataset
from lr_lightning.data.from_torchvision import samples
from lr_lightning.data.from_torchvision.recipe import Recipe
from lr_lightning.data.from_torchvision.samples import SampleImages, first_row
from lr_lightning.data.storage.fixed_transforms import FixedTransforms
from tests.data.from_torchvision import own_sets
from tests.data.from_torchvision.own_sets import Samples
from tests.data.sets import torchvision_files as files

GRAY, COLOR = Image.new("L", (5, 4), 7), Image.new("RGB", (5, 4), (1, 2, 3))


def rows(images: Sequence[Any], *transforms: v2.Transform) -> torch.Tensor:
    """The rows of a data set of these images."""
    dataset = Samples()
    dataset.kept = tuple((image, 0) for image in images)
    fixed = FixedTransforms(transforms) if transforms else None
    recipe = Recipe("these", Path("root"), None, {}, fixed, labeled=True, download=False)
    channels, row, _ = first_row([dataset], recipe)
    source = SampleImages(Path("index"), recipe, channels, (len(images), *row.shape))
    source.keep([dataset])
    return torch.cat(list(source.blocks()))


@pytest.mark.parametrize(
    "image",
    [
        COLOR,
        COLOR.quantize(4),
        COLOR.convert("RGBA"),
        np.asarray(COLOR),
        torch.from_numpy(np.array(COLOR)).permute(2, 0, 1),
    ],
)
def test_images_in_color(image: Any) -> None:
    assert rows([image, image]).tolist() == [[[[value] * 5] * 4 for value in (1, 2, 3)]] * 2


@pytest.mark.parametrize("image", [GRAY, np.asarray(GRAY), torch.full((4, 5), 7, dtype=torch.uint8)])
def test_gray_images(image: Any) -> None:
    assert rows([image]).tolist() == [[[[7] * 5] * 4]]
    assert rows([COLOR, image])[1].tolist() == [[[7] * 5] * 4] * 3


def test_binary_images_are_black_and_white() -> None:
    assert set(rows([GRAY.convert("1"), Image.new("1", (5, 4), 1)]).flatten().tolist()) == {0, 255}


def test_transforms_may_give_images_one_form() -> None:
    assert rows([GRAY, COLOR], v2.RGB())[0].tolist() == [[[7] * 5] * 4] * 3
    assert rows([GRAY, COLOR.resize((9, 9))], v2.Grayscale(), v2.Resize((4, 5))).shape == (2, 1, 4, 5)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Image.new("RGB", (6, 4)), r"image 1 of these has 6 x 4 pixels, .* 5 x 4; .*transforms"),
        (Image.new("I;16", (5, 4)), "image 1 of these has more than 8 bits"),
        (Image.new("RGBA", (5, 4), (0, 0, 0, 9)), "image 1 of these has transparent pixels"),
        (torch.zeros(3, 4, 5), r"image 1 of these is an array \(3, 4, 5\) of float32.*ToTensor"),
        (torch.zeros(20, 1, 4, 5, dtype=torch.uint8), r"array \(20, 1, 4, 5\) of uint8"),
        (torch.zeros(4, 4, 5, dtype=torch.uint8), r"array \(4, 4, 5\)"),
        ((COLOR, COLOR), "image 1 of these is no image but 2 parts"),
        ("text", "no image but str"),
    ],
)
def test_other_images_are_refused(image: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rows([COLOR, image])


def test_color_in_a_gray_set_is_refused() -> None:
    with pytest.raises(ValueError, match=r"image 1 of these is in color.*Grayscale"):
        rows([GRAY, COLOR])


def test_a_transform_that_changes_the_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"image 1 of these: transforms .*one shape"):
        rows([COLOR, COLOR.resize((9, 4))], v2.Resize(4))


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    files.write_folders(tmp_path, ("cat", "dog"))
    recipe = Recipe("ImageFolder", tmp_path, None, {}, None, labeled=True, download=False)
    source = SampleImages(tmp_path, recipe, 3, (6, 3, 8, 8))
    path = tmp_path / "dog" / "1.png"
    content = path.read_bytes()
    for damaged in (content[:-50], b"", b"GIF89a"):
        path.write_bytes(damaged)
        with pytest.raises(OSError, match=f"{path}, image 4 of ImageFolder, cannot be read .*replace it"):
            list(source.blocks())
    path.write_bytes(content)
    parts, _ = recipe.construct()
    source.keep(parts)
    path.unlink()
    with pytest.raises(OSError, match=f"image 4 of ImageFolder, cannot be read .*{path}"):
        list(source.blocks())


def test_several_processes_return_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = {"size": 150, "image_size": [3, 32, 32]}
    recipe = Recipe("FakeData", tmp_path, None, arguments, FixedTransforms([v2.Resize(16)]), False, download=False)
    source = SampleImages(tmp_path, recipe, 3, (150, 3, 16, 16))
    states = torch.get_rng_state(), random.getstate()
    alone = torch.cat(list(source.blocks()))
    monkeypatch.setattr(samples, "_LONG", -1.0)
    monkeypatch.setattr(samples, "_BLOCK_BYTES", 7 * 3 * 16 * 16)
    monkeypatch.setattr(samples, "num_cores", lambda: 2)
    blocks = list(source.blocks())
    assert [len(block) for block in blocks] == [7] * 21 + [3]
    assert torch.equal(torch.cat(blocks), alone)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    fake: Any = datasets.FakeData(**arguments)
    expected = v2.functional.resize(v2.functional.pil_to_tensor(fake[149][0]), [16])
    assert torch.equal(alone[149], expected)


def test_errors_of_several_processes_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_folders(tmp_path, ("cat", "dog"), num_images=20)
    (tmp_path / "dog" / "15.png").write_bytes(b"damaged")
    recipe = Recipe("ImageFolder", tmp_path, None, {}, None, labeled=True, download=False)
    monkeypatch.setattr(samples, "_LONG", -1.0)
    monkeypatch.setattr(samples, "num_cores", lambda: 2)
    with pytest.raises(OSError, match=f"^{tmp_path}/dog/15.png, image .*cannot be read .*replace it$"):
        list(SampleImages(tmp_path, recipe, 3, (40, 3, 8, 8)).blocks())


def test_random_images_are_refused(tmp_path: Path) -> None:
    """And the global generator is left as it was, or runs would differ by whether a cache exists."""
    state = torch.get_rng_state()
    dataset = TorchvisionDataset(f"{own_sets.__name__}.RandomImages", tmp_path / "root", storage="memory")
    with pytest.raises(ValueError, match=r"RandomImages .*augmentations"):
        dataset.images(torch.arange(3))
    assert torch.equal(torch.get_rng_state(), state)
