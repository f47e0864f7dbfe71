"""``lr-lightning data preview`` from the command line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from lr_lightning.commands.data import preview as data_preview
from lr_lightning.commands.data.command import main
from lr_lightning.commands.data.preview import write_preview
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """All figures that are drawn."""
    drawn: list[Figure] = []

    def remember(*arguments: Any) -> Figure:
        drawn.append(draw(*arguments))
        return drawn[-1]

    draw = data_preview._draw
    monkeypatch.setattr(data_preview, "_draw", remember)
    return drawn


def rows(figure: Figure) -> dict[str, list[str]]:
    """What a figure says: the captions below each row."""
    return {
        axes.get_yticklabels()[0].get_text(): [label.get_text() for label in axes.get_xticklabels()]
        for axes in figure.axes
    }


def write_mnist(folder: Path) -> None:
    """Write 30 training and 10 test images in the format of MNIST, whose pixels tell the label."""
    folder.mkdir(parents=True)
    for prefix, count in (("train", 30), ("t10k", 10)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = np.broadcast_to((20 * labels + 9)[:, None, None], (count, 28, 28)).astype(np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
            (folder / f"{prefix}-{kind}-ubyte").write_bytes(header + array.tobytes())


def test_a_set_of_the_catalogue(tmp_path: Path, figures: list[Figure], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "rendered_dsprites", "new/p.png", "--num-columns", "4"]) == 0
    assert "wrote new/p.png" in capsys.readouterr().out
    with Image.open(tmp_path / "new" / "p.png") as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 300
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["p.png"]
    [figure] = figures
    assert figure.get_suptitle() == "rendered_dsprites: 737,280 observations"
    assert rows(figure) == {
        "color": ["1"],
        "shape": ["square", "ellipse", "heart"],
        "scale\n4 of 6": ["0.5", "0.7", "0.8", "1"],
        "orientation\n4 of 40": ["0", "2.094", "4.189", "6.283"],
        "posX\n4 of 32": ["0", "0.3226", "0.6774", "1"],
        "posY\n4 of 32": ["0", "0.3226", "0.6774", "1"],
    }


def test_the_seed_decides_what_is_drawn(tmp_path: Path) -> None:
    written = []
    for seed in ("1", "1", "2"):
        assert main(["preview", "rendered_dsprites", "p.png", "--num-columns", "2", "--seed", seed]) == 0
        with Image.open(tmp_path / "p.png") as picture:
            written.append(np.asarray(picture))
    assert np.array_equal(written[0], written[1])
    assert not np.array_equal(written[0], written[2])


def test_labels_alone_get_samples_of_each(figures: list[Figure], tmp_path: Path) -> None:
    write_mnist(tmp_path / "root" / "fashion_mnist")
    assert main(["preview", "fashion_mnist", "p.pdf", "--root", "root", "--num-columns", "3"]) == 0
    assert (tmp_path / "p.pdf").read_bytes().startswith(b"%PDF")
    [figure] = figures
    assert list(rows(figure))[::9] == ["label T-shirt/top", "label ankle boot"]
    for label, axes in enumerate(figure.axes):
        assert len(axes.get_xticks()) == 0
        mosaic = np.asarray(axes.images[0].get_array())
        assert mosaic.shape == (36, 104, 3)  # 3 of 4 images of 32 x 32
        np.testing.assert_allclose(mosaic[18, [18, 52, 86]], (20 * label + 9) / 255, atol=1e-6)


def test_images_without_factors_fill_rows_at_random(figures: list[Figure], tmp_path: Path) -> None:
    images = torch.arange(100, dtype=torch.uint8)[:, None, None, None].expand(100, 1, 4, 4)
    for size in (100, 7):
        none = torch.empty(size, 0, dtype=torch.int64)
        dataset = TensorFactorDataset("plain", images[:size], none, FactorSpace([], []))
        write_preview(dataset, tmp_path / "a.png", num_columns=5, seed=0)
    assert [len(figure.axes) for figure in figures] == [6, 2]
    drawn = np.concatenate([np.unique(axes.images[0].get_array()) for axes in figures[0].axes])  # type: ignore[arg-type]
    assert len(set(drawn.tolist()) - {1.0}) == 30  # different images, on white


def test_points_without_factors_are_scattered(figures: list[Figure], tmp_path: Path) -> None:
    points = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    dataset = TensorFactorDataset("cloud", points, torch.empty(20, 0, dtype=torch.int64), FactorSpace([], []))
    write_preview(dataset, tmp_path / "a.png", num_columns=5, seed=0)
    assert len(figures[0].axes) == 1


def test_points_are_scattered(figures: list[Figure], tmp_path: Path) -> None:
    assert main(["preview", "double_helix", "p.svg"]) == 0
    assert "<svg" in (tmp_path / "p.svg").read_text()
    (axes,) = figures[0].axes
    assert len(axes.collections) == 2
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_title().get_text() == "strand"


def test_a_set_of_ones_own(figures: list[Figure], tmp_path: Path) -> None:
    np.savez("s.npz", images=np.full((6, 8, 8, 3), 9, np.uint8))
    (tmp_path / "s.yaml").write_text("name: s\nfactors: {hue: [red, green, blue], x: [0.5, 1.5]}\nimages: s.npz\n")
    assert main(["preview", "s.yaml", "p.png"]) == 0
    assert rows(figures[0]) == {"hue": ["red", "green", "blue"], "x": ["0.5", "1.5"]}
    assert len(list(tmp_path.glob("lr_lightning_cache/*.rows"))) == 1


def test_the_title_tells_that_other_factors_are_not_fixed(figures: list[Figure], tmp_path: Path) -> None:
    space = FactorSpace(["x", "y"], [3, 3])
    dataset = TensorFactorDataset("t", torch.zeros(3, 1, 4, 4), torch.arange(3)[:, None].repeat(1, 2), space)
    write_preview(dataset, tmp_path / "p.png", 3, 0)
    assert "other factors" in figures[0].get_suptitle()


@pytest.mark.parametrize("name", ["ColorDSprites", "lr_lightning.data.ColorDSprites"])
def test_a_class_with_arguments(figures: list[Figure], name: str) -> None:
    for seed in ("1", "2"):
        assert main(["preview", name, "p.png", "--num-columns", "2", "--dataset.seed", seed]) == 0
    assert figures[0].get_suptitle() == "rendered_color_dsprites: 737,280 observations"
    first, second = (np.asarray(figure.axes[1].images[0].get_array()) for figure in figures)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["shapes3", "p.png"], 2, "no data set 'shapes3'; did you mean shapes3d?"),
        (["PictureFolders", "p.png"], 2, "no data set 'PictureFolders'; did you mean PictureFolder?"),
        ([".", "p.png"], 2, "no data set '.'; a folder of pictures is PictureFolder --dataset.path '.'"),
        (["shapes3d", "p.png"], 1, "no file data_sets/3dshapes.h5; fetch the public file with"),
        (["double_helix", "p.gif"], 1, "p.gif must end in one of .png, .pdf, .svg"),
        (["double_helix"], 2, "the following arguments are required: OUT"),
        (["rendered_dsprites", "p.png", "--num-columns", "1"], 1, "--num-columns must be at least 2, got 1"),
        (["double_helix", "p.png", "--dataset.seed", "1"], 1, "double_helix takes no --dataset.seed"),
        (
            ["ColorDSprites", "p.png", "--dataset.sed", "1"],
            1,
            "ColorDSprites has no argument 'sed'; did you mean seed?",
        ),
        (["ScreamDSprites", "p.png"], 1, "no picture data_sets/scream.jpg"),
        (["MNIST", "p.png"], 1, "root"),
        (["os.path", "p.png"], 1, "os.path is not a class that extends FactorDataset"),
        (["lr_lightning.data.FactorDataset", "p.png"], 1, "FactorDataset is abstract"),
        (["double_helix", "p.png", "--seeed", "1"], 2, "unrecognized arguments: --seeed 1"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_sentence(
    words: list[str], code: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["preview", *words]) == code
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert list(tmp_path.glob("*.png")) == []


@pytest.mark.parametrize("shape", [(2, 4, 4), (4,), (1,), (4, 4)])
def test_other_observations_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    dataset = TensorFactorDataset("odd", torch.zeros(3, *shape), torch.arange(3)[:, None], FactorSpace(["x"], [3]))
    with pytest.raises(ValueError, match=r"odd has observations \(.*\); a preview shows images \(1, H, W\) or"):
        write_preview(dataset, tmp_path / "p.png", 3, 0)
