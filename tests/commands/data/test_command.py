"""``lr-lightning data`` from the command line."""

import gzip
import hashlib
import os
import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision import datasets

from lr_lightning.commands.data import command as data
from lr_lightning.commands.data.command import main
from lr_lightning.data.custom.custom_dataset import CustomDataset
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.registry import DATA_SETS, find_data_set
from lr_lightning.data.sets.shapes3d import Shapes3D
from lr_lightning.data.storage.public_file import PublicFile
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset
from tests.data.sets.torchvision_files import pack_cifar, write_cifar
from tests.file_server import FileServer


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder, on a wide terminal, with no folder set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.delenv("LR_LIGHTNING_DATA", raising=False)


@pytest.fixture
def tiny_renderer(monkeypatch: pytest.MonkeyPatch) -> TensorFactorDataset:
    """Six images in place of the rendered sets."""
    space = FactorSpace(["hue", "shape"], [3, 2])
    pixels = torch.arange(6 * 3 * 4 * 4).view(6, 3, 4, 4).to(torch.uint8)
    dataset = TensorFactorDataset("rendered_shapes3d", pixels, space.factors(torch.arange(6)), space)
    dataset.full_grid = True
    _, record = find_data_set("rendered_shapes3d")
    monkeypatch.setattr(data, "find_data_set", lambda _: (lambda: dataset, record))
    return dataset


@pytest.fixture
def served(file_server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Serve a stand-in for 3dshapes.h5 at the address in the record; returns the served file."""
    file = file_server.folder / "3dshapes.h5"
    file.write_bytes(b"images and labels" * 1000)
    md5 = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    public = PublicFile("3dshapes.h5", f"{file_server.url}/3dshapes.h5", md5)
    monkeypatch.setattr(Shapes3D, "records", (replace(Shapes3D.records[0], files=(public,)),))
    return file


def described(folder: Path) -> Path:
    """Write a set of six images with its description; returns that."""
    pixels = np.arange(6 * 4 * 5 * 3, dtype=np.uint16).reshape(6, 4, 5, 3).astype(np.uint8)
    labels = [[hue, side] for hue in range(3) for side in range(2)]
    np.savez(folder / "bars.npz", images=pixels, labels=np.array(labels))
    path = folder / "bars.yaml"
    path.write_text("name: bars\nfactors:\n  hue: [red, green, blue]\n  side: 2\nimages: bars.npz\n")
    return path


def test_list_names_every_set_its_factors_and_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "there"
    for file in ("3dshapes.h5", "rendered_dsprites.h5", "mnist/t10k-images-idx3-ubyte.gz"):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        if file.endswith("h5"):
            h5py.File(root / file, "w").close()
    monkeypatch.setenv("LR_LIGHTNING_DATA", str(root))
    os.truncate(root / "3dshapes.h5", 2_340_000)  # a file may go on after what HDF5 knows of
    (root / "mnist/t10k-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b\x08".ljust(1_648_877))
    assert main(["list"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    rows = {line.split()[0]: [line, below] for line, below in pairwise(lines) if line}
    assert set(DATA_SETS) <= set(rows)
    # in memory: 480,000 images of 64 x 64 x 3 bytes, 737,280 of 64 x 64 bits, 70,000 of 32 x 32 bytes, 1,024 points
    assert rows["shapes3d"] == [
        f"shapes3d 480,000 5.9 GB 2.34 MB yes {root}/3dshapes.h5",
        "floor_hue 10, wall_hue 10, object_hue 10, scale 8, shape 4, orientation 15",
    ]
    assert rows["rendered_shapes3d"][0] == "rendered_shapes3d 480,000 - - yes made on demand"
    assert rows["dsprites"][0] == "dsprites 737,280 377 MB - no lr-lightning data prepare dsprites"
    assert rows["rendered_dsprites"][0] == f"rendered_dsprites 737,280 - 800 B yes {root}/rendered_dsprites.h5"
    assert rows["color_dsprites"][0] == "color_dsprites 737,280 - - yes made on demand"
    assert rows["mnist"] == [
        "mnist 70,000 71.7 MB 1.65 MB 1 of 4 files lr-lightning data prepare mnist",
        "label 10",
    ]
    assert rows["double_helix"][0] == "double_helix 1,024 12.3 kB - yes made on demand"


def test_list_and_info_tell_of_files_that_are_not_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LR_LIGHTNING_DATA", str(tmp_path))
    with h5py.File(tmp_path / "rendered_dsprites.h5", "w") as file:
        file["imgs"] = np.zeros((10, 10))
    whole = (tmp_path / "rendered_dsprites.h5").read_bytes()
    (tmp_path / "rendered_dsprites.h5").write_bytes(whole[:-100])
    for path in ("3dshapes.h5", "mpi3d_toy.npz", "nips2015-analogy-data.tar.gz", "scream.jpg"):
        (tmp_path / path).write_bytes(b"<html")
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist/t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"short"))
    assert main(["list"]) == 0
    rows = {line.split()[0]: " ".join(line.split()) for line in capsys.readouterr().out.splitlines() if line}
    for name, path in (
        ("shapes3d", "3dshapes.h5"),
        ("mpi3d_toy", "mpi3d_toy.npz"),
        ("cars3d", "nips2015-analogy-data.tar.gz"),
        ("scream_dsprites", "scream.jpg"),
        ("mnist", "mnist/t10k-labels-idx1-ubyte.gz"),
    ):
        assert rows[name].endswith(
            f"incomplete {tmp_path}/{path}; move it away and run lr-lightning data prepare {name}"
        )
    assert rows["rendered_dsprites"].endswith("lr-lightning data render rendered_dsprites --overwrite")
    assert main(["info", "shapes3d"]) == 0
    assert f"present: incomplete, {tmp_path}/3dshapes.h5" in capsys.readouterr().out


def test_info_shows_values_files_checksum_and_twin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "shapes3d"]) == 0
    out = capsys.readouterr().out
    assert "480,000 observations 3 x 64 x 64, lr_lightning.data.Shapes3D, license Apache-2.0" in out
    assert "-30, -25.71, -21.43" in out
    assert "https://storage.googleapis.com/3d-shapes/3dshapes.h5" in out
    assert "099a2078d58cec4daad0702c55d06868" in out
    assert "rendered twin: rendered_shapes3d" in out
    assert "cube, cylinder, sphere, capsule" in out
    assert "present: no, lr-lightning data prepare shapes3d" in out
    assert "in memory: 5.9 GB" in out


@pytest.mark.parametrize("name", ["shapes3d", "rendered_shapes3d"])
def test_render_writes_the_rendered_set(
    tiny_renderer: TensorFactorDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["render", name]) == 0
    assert "wrote data_sets/rendered_3dshapes.h5, 0 MB" in capsys.readouterr().out
    with h5py.File(tmp_path / "data_sets" / "rendered_3dshapes.h5") as file:
        assert file["images"].shape == (6, 4, 4, 3)
        assert file.attrs["rendered"]


def test_render_replaces_a_file_only_when_asked(
    tiny_renderer: TensorFactorDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.h5"
    out.write_text("precious")
    assert main(["render", "shapes3d", "--out", str(out)]) == 1
    assert re.search(r"mine\.h5 already exists.*--overwrite", capsys.readouterr().err)
    assert out.read_text() == "precious"
    assert main(["render", "shapes3d", "--out", str(out), "--overwrite"]) == 0
    assert h5py.is_hdf5(out)


def test_ctrl_c_leaves_nothing_and_exits_with_130(
    tiny_renderer: TensorFactorDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(indices: Tensor) -> Tensor:
        raise KeyboardInterrupt

    monkeypatch.setattr(tiny_renderer, "images", interrupt)
    assert main(["render", "shapes3d", "--root", "here"]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert list((tmp_path / "here").iterdir()) == []


def test_prepare_fetches_once_and_verifies(served: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["prepare", "shapes3d", "--root", "here", "--no-cache"]) == 0
        assert "here/3dshapes.h5 is there, md5 " in capsys.readouterr().out
    assert (tmp_path / "here" / "3dshapes.h5").read_bytes() == served.read_bytes()


def test_prepare_converts_what_it_fetched(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = []

    def open_data_set(name: str, root: Path) -> CustomDataset:
        opened.append((name, root, (root / "3dshapes.h5").exists()))
        return CustomDataset(described(tmp_path))

    monkeypatch.setattr(data, "open_data_set", open_data_set)
    assert main(["prepare", "shapes3d", "--root", "here"]) == 0
    assert opened == [("shapes3d", Path("here"), True)]
    [cache] = tmp_path.glob("lr_lightning_cache/*.rows")
    assert f"{cache} is there, 0 MB, mapped into memory by all runs" in capsys.readouterr().out


def test_prepare_and_info_take_a_description(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = described(tmp_path)
    assert main(["info", str(path)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert f"bars {path} 6 observations 3 x 4 x 5, every combination once" in out
    assert "│ hue │ 3 │ red, green, blue │ │ side │ 2 │ 0, 1 │" in out
    assert f"images: {tmp_path}/bars.npz in memory: 360 B" in out
    assert list(tmp_path.glob("**/*.rows")) == []
    assert main(["prepare", str(path)]) == 0
    [cache] = tmp_path.glob("**/*.rows")
    cache.write_bytes(cache.read_bytes()[:-1] + b"x")
    with pytest.warns(UserWarning, match="rebuilding .*checksum"):
        assert main(["prepare", str(path)]) == 0
    capsys.readouterr()
    path.write_text(path.read_text().replace("[red, green, blue]", "4") + "labels: labels\n")
    assert main(["info", str(path)]) == 0
    assert "6 observations 3 x 4 x 5, no full grid: there are 8 combinations" in capsys.readouterr().out


def test_prepare_refuses_a_wrong_file_in_one_sentence(
    served: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served.write_text("another file")
    assert main(["prepare", "shapes3d"]) == 1
    error = capsys.readouterr().err
    assert "returned a file with md5" in error
    assert "Traceback" not in error
    assert [path.name for path in (tmp_path / "data_sets").iterdir()] == [".3dshapes.h5.lock"]


def test_prepare_names_the_twin_where_the_file_cannot_be_had(served: Path, capsys: pytest.CaptureFixture[str]) -> None:
    served.unlink()
    assert main(["prepare", "shapes3d"]) == 1
    assert "404" in (error := capsys.readouterr().err)
    assert "the rendered twin, lr_lightning.data.RenderedShapes3D, needs no file" in error


def test_prepare_has_nothing_to_do_for_a_set_without_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", "double_helix"]) == 0
    assert "double_helix needs no file" in capsys.readouterr().out


def test_brackets_in_names_and_paths_are_printed_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "[a] [/b]"
    folder.mkdir(parents=True)
    path = described(folder)
    path.write_text(path.read_text().replace("name: bars", "name: '[/bars]'").replace("red", "'[/red]'"))
    assert main(["info", str(path)]) == main(["preview", str(path), f"{folder}/p.png"]) == main(["list"]) == 0
    printed = capsys.readouterr().out
    for text in (f"[/bars]  {path}", "[/red], green, blue", f"images: {folder}/bars.npz", f"wrote {folder}/p.png"):
        assert text in printed
    assert main(["list", "--root", f"{folder}"]) == main(["prepare", str(path)]) == 0
    printed = capsys.readouterr().out
    assert f"Data sets under {folder}" in printed
    assert f"{folder}/lr_lightning_cache" in printed


def test_a_folder_of_pictures_is_described_and_prepared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(3):
        Image.new("RGB", (9 + i, 12)).save(tmp_path / f"{i}.png")
    words = ["PictureFolder", "--dataset.path", str(tmp_path), "--dataset.transforms+=CenterCrop"]
    assert main(["info", *words, "--dataset.transforms.size=8"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert f"{tmp_path.name} lr_lightning.data.PictureFolder 3 observations 3 x 8 x 8, no factors" in out
    assert "in memory: 576 B" in out
    assert list(tmp_path.glob("**/*.rows")) == []
    assert main(["prepare", *words, "--dataset.transforms.size=8"]) == 0
    [cache] = tmp_path.glob("**/*.rows")
    assert f"{cache} is there" in capsys.readouterr().out
    assert main(["prepare", "PictureFolder", "--dataset.path", str(tmp_path)]) == 1
    assert "1.png has 10 x 12 pixels" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["info", "PictureFolder"], 1, "missing required arguments: path"),
        (["info", "PictureFolder", "--dataset.path", "nowhere"], 1, "no folder nowhere"),
        (["prepare", "PictureFolder", "--dataset.paths", "x"], 1, "paths"),
        (["info", "PictureFolder", "--dataset.path", ".", "--dataset.transforms", "[Rezise]"], 1, "mean Resize?"),
        (["info", "PictureFolder", "--dataset.path", ".", "--dataset.transforms", "[zzz]"], 1, "'zzz'; see --help"),
        (["info", "shape3d"], 2, "no data set 'shape3d'; did you mean shapes3d?"),
        (["info", "mine.Squares"], 2, "'mine.Squares' cannot be imported from mine"),
        (["prepare", "mine.Squares"], 2, "'mine.Squares' cannot be imported from mine"),
        (["render", "zzz"], 2, "no data set 'zzz'"),
        (["render", "mnist"], 1, "mnist cannot be rendered"),
        (["draw"], 2, "invalid choice: 'draw'"),
        (["info", "missing.yaml"], 1, "no file missing.yaml"),
        (["prepare", "missing.yml"], 1, "no file missing.yml"),
        (["render", "my.yaml"], 2, "'my.yaml'"),
        (["info", "mnist", "--dataset.seed", "1"], 2, "unrecognized arguments: --dataset.seed 1"),
        (["list", "--rot", "x"], 2, "unrecognized arguments: --rot x"),
        ([], 2, "COMMAND"),
        (["info"], 2, "NAME"),
    ],
)
def test_what_cannot_be_done_is_said_without_a_traceback(
    argv: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == code
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_help_says_where_data_sets_lie(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--help"]) == 0
    assert "$LR_LIGHTNING_DATA" in capsys.readouterr().out


def test_listing_loads_neither_lightning_nor_matplotlib() -> None:
    code = (
        "import sys; from lr_lightning.commands.data.command import main; main(['list']); "
        "print(sorted({'pytorch_lightning', 'matplotlib', 'torchvision', 'wandb'} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr.strip() == "[]"


def test_a_set_of_torchvision_is_downloaded_converted_and_listed(
    tmp_path: Path, file_server: FileServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_cifar(tmp_path / "source", monkeypatch)
    archive = file_server.folder / "cifar-10-python.tar.gz"
    pack_cifar(tmp_path / "source", monkeypatch, archive, f"{file_server.url}/{archive.name}")
    assert main(["info", "cifar10"]) == 0
    assert "present: no, lr-lightning data prepare cifar10" in capsys.readouterr().out
    assert main(["prepare", "cifar10"]) == 0
    printed = capsys.readouterr()
    assert "data_sets/cifar10 has all files, md5" in printed.out
    assert printed.err == ""
    assert len(list((tmp_path / "data_sets" / "lr_lightning_cache").glob("CIFAR10.all.*.rows"))) == 1
    (tmp_path / "data_sets" / "cifar10" / archive.name).unlink()
    requests = len(file_server.requests)
    assert main(["prepare", "cifar10"]) == 0
    assert len(file_server.requests) == requests
    assert main(["list"]) == 0
    assert re.search(r"cifar10 .* yes +data_sets/cifar10/cifar-10-batches-py", capsys.readouterr().out)


def test_a_set_of_torchvision_without_a_connection_names_the_files(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(datasets.CIFAR10, "url", "http://127.0.0.1:9/cifar-10-python.tar.gz")
    assert main(["prepare", "cifar10"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "cifar-10-python.tar.gz from https://www.cs.toronto.edu" in error
    assert "into data_sets/cifar10" in error
