"""The snippets, commands and paths in README.md and docs/ work."""

import re
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch
import yaml
from matplotlib.image import imread
from PIL import Image
from torch import nn

import lr_lightning.callbacks
import lr_lightning.data
from lr_lightning.assays import ConditionedResponseMatrix
from lr_lightning.cli import main
from lr_lightning.commands.data import command as data
from lr_lightning.data import CustomDataset, FactorDataModule
from lr_lightning.data.registry import DATA_SETS, find_data_set
from lr_lightning.testing.bars import Bars
from lr_lightning.testing.tiny_runs import tiny_model
from tests.metrics.cases import reference_case

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCS = {page.stem: page.read_text() for page in (ROOT / "docs").glob("*.md")}


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a page in one language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [code for other, code in found if other == language]


@pytest.mark.filterwarnings("ignore:independence is undefined")  # an untrained model
def test_readme_snippet() -> None:
    [code] = blocks(README, "python")
    assert len(code.splitlines()) <= 10
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 16))
        decoder = nn.Sequential(nn.Linear(16, 64), nn.Unflatten(1, (1, 8, 8)))
    images = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    names = {"model": SimpleNamespace(encoder=encoder, decoder=decoder), "images": images, "print": lambda *_: None}
    exec(code, names)
    assert names["result"].matrix.shape == (16, 16)  # type: ignore[attr-defined]
    assert imread("response_matrix.png").std() > 0.1


def test_configs_and_links_exist() -> None:
    for name, text in {"README": README, "CONTRIBUTING": (ROOT / "CONTRIBUTING.md").read_text(), **DOCS}.items():
        for config in re.findall(r"configs/(\w+\.yaml)", text):
            assert (ROOT / "configs" / config).is_file(), (name, config)
        folder = ROOT if name.isupper() else ROOT / "docs"
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (folder / link).is_file(), (name, link)


def test_modules_and_files_that_pages_name_exist() -> None:
    other = {"data_sets", "likelihoods", "tests/test_toy_lab.py"}  # groups of entry points, and a file of the example
    for name, text in {"README": README, "CONTRIBUTING": (ROOT / "CONTRIBUTING.md").read_text(), **DOCS}.items():
        for path in re.findall(r"`((?:lr_lightning|callbacks|data|tests|benchmarks)/[\w/.]*\w)`", text):
            assert path in other or (ROOT / path).exists(), (name, path)
        for module in re.findall(r"(?:from|import|`) ?lr_lightning\.(\w+)", text):
            assert module in other or find_spec(f"lr_lightning.{module}") is not None, (name, module)


def test_models_page_lists_all_configs() -> None:
    table = DOCS["models"].split("## Configs")[1].split("\n## ")[0]
    assert set(re.findall(r"`(\w+\.yaml)`", table)) == {path.name for path in (ROOT / "configs").glob("*.yaml")}


def test_assays_page() -> None:
    direct, in_a_run = blocks(DOCS["assays"], "python")
    exec(direct, {"model": tiny_model(), "dataset": Bars()})
    names: dict[str, object] = {}
    exec(in_a_run, names)
    assert len(names["trainer"].callbacks) >= 2  # type: ignore[attr-defined]
    table = DOCS["assays"].split("| --- |")[1].split("\n\n")[0]
    for name in lr_lightning.callbacks.__all__:
        assert not name.endswith("Assay") or name == "EnsembleAssay" or f"`{name}`" in table


def test_scores_page() -> None:
    [code] = blocks(DOCS["scores"], "python")
    codes, factors, expected = reference_case("noise_and_leak")
    matrix = torch.eye(4, 6)
    response = ConditionedResponseMatrix(matrix, (), (), 32, "paper", "mean", "diagonal")
    names = {
        "codes": codes,
        "factors": factors,
        "log_variances": torch.full_like(codes, -3.0),
        "response": response,
        "print": lambda *_: None,
    }
    exec(code, names)
    names["metric"].update(codes, factors)  # type: ignore[attr-defined]
    assert abs(names["metric"].compute().item() - expected["mig"]) < 0.03  # type: ignore[attr-defined]
    assert all(row.standard_error is not None for row in names["table"].rows)  # type: ignore[attr-defined]


def test_data_page() -> None:
    [code] = [text for text in blocks(DOCS["data"], "python") if "ColorDSprites" in text]
    names: dict[str, object] = {"print": lambda *_: None}
    exec(code, names)
    assert names["images"].shape == (2, 3, 64, 64)  # type: ignore[attr-defined]
    assert names["factors"].tolist() == [[0] * 6, [0, 2, 5, 39, 31, 31]]  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", ["data", "models"])
def test_examples_of_augmentations(page: str) -> None:
    [example] = [text for text in blocks(DOCS[page], "yaml") if "augmentations" in text]
    Path("example.yaml").write_text(example)
    small = ["--data.batch_size=4", "--data.val_size=4", "--trainer.max_steps=1", "--trainer.limit_val_batches=0"]
    quiet = ["--trainer.logger=false", "--trainer.accelerator=cpu", "--assays={}"]
    configs = [f"--config={ROOT / 'configs' / 'quickstart.yaml'}", "--config=example.yaml"]
    with pytest.raises(SystemExit) as stopped:
        main(["fit", *configs, *small, *quiet, "--trainer.default_root_dir=run"])
    assert stopped.value.code == 0
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    assert len(config["data"]["init_args"]["augmentations"]) >= 2


def test_custom_data_set(tmp_path: Path) -> None:
    [code] = [text for text in blocks(DOCS["data"], "python") if "squares.npz" in text]
    description = next(text for text in blocks(DOCS["data"], "yaml") if "squares.npz" in text)
    exec(code, {})
    (tmp_path / "squares.yaml").write_text(description)
    [commands] = [text for text in blocks(DOCS["data"], "") if "squares.yaml" in text]
    words = commands.splitlines()[0].split()
    assert words[:2] == ["lr-lightning", "data"]
    assert data.main(words[2:]) == 0
    assert imread(tmp_path / "squares.png").std() > 0.1
    dataset = CustomDataset("squares.yaml")
    assert dataset.full_grid
    [image] = dataset.images(dataset.factor_space.indices(torch.tensor([[1, 2, 3]])))
    assert image.nonzero().amin(dim=0).tolist() == [1, 32, 48]
    assert image.nonzero().amax(dim=0).tolist() == [1, 47, 63]
    sizes = {name: int(size) for name, size in re.findall(r"--data\.(val_size|batch_size) (\d+)", commands)}
    module = FactorDataModule(dataset, **sizes)  # type: ignore[arg-type]
    module.setup("fit")
    assert len(next(iter(module.train_dataloader())).images) == sizes["batch_size"] == 16


def _write_squares(folder: Path, description: dict[str, str]) -> None:
    """Write 48 images of random pixels in the form that ``description`` specifies."""
    pixels = np.random.default_rng(0).integers(2, 256, (48, 8, 8, 3), dtype=np.uint8)
    grid = np.array(list(np.ndindex(3, 4, 4)))
    order = np.random.default_rng(1).permutation(48)
    if description["images"].endswith(".npz"):
        np.savez(folder / description["images"], **{description["key"]: pixels})  # type: ignore[arg-type]
    elif description["images"].endswith(".h5"):
        with h5py.File(folder / description["images"], "w") as file:
            file[description["key"]] = pixels[order].transpose(0, 3, 1, 2)
            file[description["labels"]] = grid[order] * [1, 1, 0.25]
    else:
        (folder / description["images"]).mkdir()
        lines = ["file,color,row,column"]
        for number in order:
            Image.fromarray(pixels[number]).save(folder / description["images"] / f"{number}.png")
            color, row, column = grid[number]
            lines.append(f"{number}.png,{['red', 'green', 'blue'][color]},{row},{column / 4}")
        (folder / description["labels"]).write_text("\n".join(lines))


def test_three_descriptions_of_the_same_data_set(tmp_path: Path) -> None:
    _, *descriptions = [text for text in blocks(DOCS["data"], "yaml") if "images:" in text]
    assert len(descriptions) == 3
    spaces, images = [], []
    for text in descriptions:
        _write_squares(tmp_path, yaml.safe_load(text))
        (tmp_path / "squares.yaml").write_text(text)
        dataset = CustomDataset(tmp_path / "squares.yaml", storage="memory")
        assert dataset.full_grid
        spaces.append(dataset.factor_space)
        images.append(dataset.images(torch.arange(48)))
    assert spaces[0] == spaces[1] == spaces[2]
    assert torch.equal(images[0], images[1])
    assert torch.equal(images[0], images[2])


def test_data_page_lists_all_data_sets() -> None:
    table = DOCS["data"][DOCS["data"].index("## The sets") : DOCS["data"].index("Images are 64")]
    for name in DATA_SETS.entries:
        assert f"`{name}`" in table
        assert f"`{find_data_set(name)[0].__name__}(" in table
    for name in re.findall(r"`(\w+)\(", table):
        assert hasattr(lr_lightning.data, name)
