"""The snippets, commands and paths in README.md and docs/ work."""

import json
import re
import shutil
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

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
from lr_lightning.callbacks.registry import ASSAYS
from lr_lightning.cli import main
from lr_lightning.commands.data import command as data
from lr_lightning.commands.run.exported import PACKAGED
from lr_lightning.data import CustomDataset, FactorDataModule
from lr_lightning.data.registry import DATA_SETS, find_data_set
from lr_lightning.losses import LIKELIHOODS
from lr_lightning.models import MODELS
from lr_lightning.networks import NETWORKS
from lr_lightning.testing.bars import Bars
from lr_lightning.testing.tiny_runs import tiny_model
from tests.extras import needs
from tests.metrics.cases import reference_case

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SECTIONS = ("How to read it", "What it does not see", "Keys", "Cost", "Python")
"""Headings of the page of an assay, in order."""
SMALL: dict[str, Any] = {
    "model.network": {"class_path": "MLP", "init_args": {"latent_dim": 3, "observation_shape": [3, 8, 8]}},
    "data.dataset": "lr_lightning.testing.bars.Bars",
    "data.batch_size": 8,
    "data.batches_per_epoch": 4,
    "data.val_size": 12,
    "trainer.accelerator": "cpu",
    "assays.disentanglement.metrics": ["mig"],
    "assays.disentanglement.final_metrics": [],
    "assays.conditioned_response.num_traversals": 2,
}
"""Values that make a run of the quickstart a matter of seconds."""
BUILD = ROOT / "docs" / "_build"
PAGES = {
    page.relative_to(ROOT).with_suffix("").as_posix(): page.read_text()
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    if BUILD not in page.parents
}
DOCS = {name.removeprefix("docs/"): text for name, text in PAGES.items() if name.startswith("docs/")}


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


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings of a page, as GitHub and the site make them."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#{1,4} (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_configs_and_links_exist(name: str) -> None:
    for config in re.findall(r"configs/(\w+\.yaml)", PAGES[name]):
        assert (ROOT / "configs" / config).is_file(), config
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)]*)\)", PAGES[name]):
        target = ROOT / (Path(name).parent / path if path else f"{name}.md")
        assert target.is_file(), path
        assert not anchor or anchor in anchors(target.read_text()), f"{path}#{anchor}"


def test_modules_and_files_that_pages_name_exist() -> None:
    other = {"data_sets", "likelihoods", "tests/test_toy_lab.py"}  # groups of entry points, and a file of the example
    for name, text in PAGES.items():
        if name == "CHANGELOG":  # names of its time
            continue
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
    configs = [f"--config={ROOT / 'configs' / 'quickstart_unsupervised.yaml'}", "--config=example.yaml"]
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


def test_index_lists_all_pages() -> None:
    [*trees] = re.findall(r":::\{toctree\}\n(.*?):::", DOCS["index"], re.DOTALL)
    listed = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    assert len(set(listed)) == len(listed)
    generated = {name for name in listed if name.startswith("reference/")}
    assert set(listed) - generated == set(DOCS) - {"index"}


@pytest.mark.parametrize("name", ASSAYS.entries)
@pytest.mark.filterwarnings("ignore::UserWarning")  # an untrained model
def test_pages_of_assays(name: str) -> None:
    page = DOCS[f"assays/{name}"]
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert [each for each in headings if each in SECTIONS] == list(SECTIONS)
    assay = ASSAYS[name]()
    if name != "disentanglement":  # its keys are the names of metrics
        keys = page.split("## Keys")[1].split("## ")[0]
        for quantity in assay.quantities or ():
            assert quantity.replace("*", "") in keys, quantity
    [code] = blocks(page, "python")
    model, dataset = tiny_model(), Bars()
    images = dataset.images(torch.arange(48)) / 255
    posterior = model.encode(images)
    names = {
        "model": model,
        "dataset": dataset,
        "images": images,
        "codes": posterior.mean.detach(),
        "means": posterior.mean.detach(),
        "log_variances": posterior.stddev.detach().log() * 2,
        "factors": dataset.factors(torch.arange(48)),
        "print": lambda *_: None,
    }
    exec(code, names)


class PeerOutput(SimpleNamespace):
    """The outputs of pythae: values by attribute."""


class PeerModel(nn.Module):
    """What the snippets use of trained models of disent, pythae and disentangling-vae, for images (3, 8, 8)."""

    latent_dim = 9

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.inner = nn.Sequential(nn.Flatten(), nn.Linear(192, 18))
        self.outer = nn.Sequential(nn.Linear(9, 192), nn.Unflatten(1, (3, 8, 8)), nn.Sigmoid())

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Return means, as frameworks of disent do."""
        return self.inner(images)[:, :9]  # type: ignore[no-any-return]

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Return images in [0, 1]."""
        return self.outer(codes)  # type: ignore[no-any-return]

    def encoder(self, images: torch.Tensor) -> object:
        """Return means and log-variances, by attribute or as a tuple."""
        means, log_variances = self.inner(images).chunk(2, dim=1)
        if self.kind == "pythae":
            return PeerOutput(embedding=means, log_covariance=log_variances)
        return means, log_variances

    def decoder(self, codes: torch.Tensor) -> object:
        """Return images, by attribute or as a tensor."""
        images = self.outer(codes)
        return PeerOutput(reconstruction=images) if self.kind == "pythae" else images


def test_models_of_peers() -> None:
    save, disent, pythae, disvae = blocks(DOCS["coming_from"], "python")
    rows = {"codes": np.zeros((3, 2), np.float32), "factors": np.arange(6).reshape(3, 2), "log_variances": np.zeros(1)}
    exec(save, rows)
    assert set(np.load("codes.npz")) == {"codes", "factors", "log_variances"}
    images = torch.rand(20, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        peers = {kind: PeerModel(kind) for kind in ("disent", "pythae", "disvae")}
    snippets = (("disent", "framework", disent), ("pythae", "autoencoder", pythae), ("disvae", "vae", disvae))
    for kind, name, code in snippets:
        peer = peers[kind]
        names = {name: peer, "images": images}
        exec(code, names)
        assert torch.equal(torch.as_tensor(names["codes"]), peer.encode(images).detach()), kind


def test_names_in_tables_of_peers_exist() -> None:
    known = {*MODELS.entries, *NETWORKS.entries, *LIKELIHOODS.entries, *lr_lightning.data.__all__}
    classes = set(re.findall(r"`([A-Z]\w+)`", "\n".join(row.split("|")[2] for row in rows_of(DOCS["coming_from"]))))
    assert len(classes) > 20
    assert classes <= known, classes - known


def rows_of(text: str) -> list[str]:
    """Return the rows of all tables of a page, without the lines under their heads."""
    return [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| ---")]


def test_notebook_page() -> None:
    first, own = blocks(DOCS["howto/notebooks"], "python")
    names: dict[str, object] = {"print": lambda *_: None}
    exec(first, names)
    assert len(names["codes"]) == 256  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Lightning, on a Trainer as one would write it
        exec(own, names)
    assert "assay/response_matrix/independence" in names["trainer"].callback_metrics  # type: ignore[attr-defined]


@needs("onnx", "onnxruntime", "onnxscript")
@pytest.mark.filterwarnings("ignore:independence is undefined")
def test_explorer_page() -> None:
    [code] = blocks(DOCS["explorer"], "python")
    exec(code, {})
    assert Path("explorer.html").stat().st_size > 10**6


def test_files_page() -> None:
    [code] = blocks(DOCS["howto/files"], "python")
    run = Path("runs/helix")
    run.mkdir(parents=True)
    shutil.copy(ROOT / "lr_lightning" / "demo" / "results.json", run)
    (run / "metrics.csv").write_text("step,val/loss\n1,2.0\n")
    names: dict[str, object] = {}
    exec(code, names)
    assert "assay/conditioned_response/cds" in names["scalars"]  # type: ignore[operator]


def test_sweep_of_wandb(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words that W&B's agent makes of the sweep on the page train a run with the values and the id of the sweep."""
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

    [sweep] = blocks(DOCS["howto/wandb"], "yaml")
    described = yaml.safe_load(sweep)
    proposed = {"model.beta": 2.5, "model.network.latent_dim": 6, "seed_everything": 2}
    assert set(proposed) == set(described["parameters"])
    words = create_sweep_command_args({"args": {name: {"value": value} for name, value in proposed.items()}})["args"]
    command = [word for part in described["command"] for word in (words if part == "${args}" else [part])]
    assert command[0] == "lr-lightning"
    monkeypatch.setenv("WANDB_SWEEP_ID", "abc123")
    monkeypatch.setenv("WANDB_RUN_ID", "run456")
    small = ["--data.batch_size=4", "--data.val_size=4", "--trainer.max_steps=1", "--trainer.limit_val_batches=0"]
    with pytest.raises(SystemExit) as stopped:
        main([*command[1:], *small, "--trainer.accelerator=cpu", "--assays={}"])
    assert stopped.value.code == 0
    config = yaml.safe_load(Path("runs/quickstart/config.yaml").read_text())
    assert config["model"]["init_args"]["beta"] == 2.5
    assert config["model"]["init_args"]["network"]["init_args"]["latent_dim"] == 6
    assert config["seed_everything"] == 2
    assert Path("runs/quickstart/wandb_run_id").read_text().strip() == "run456"
    assert list(Path("runs/quickstart/wandb").glob("offline-run-*-run456"))


@needs("optuna")
@pytest.mark.filterwarnings("ignore::UserWarning")  # an untrained model
def test_search_with_several_processes() -> None:
    # the second process continues the first one's study
    assert _trials_of_search(blocks(DOCS["howto/searches"], "python")[0], num_processes=2) == 4
    assert {path.name for path in Path("runs").iterdir()} == {f"helix_{trial}" for trial in range(4)}


def _trials_of_search(code: str, num_processes: int) -> int:
    """Run the code of a page with short trainings, once for each process, and return the number of trials."""
    short = code.replace('"trainer.max_epochs": 1', '"trainer.max_epochs": 1, "data.batches_per_epoch": 3')
    assert short != code
    names: dict[str, Any] = {"print": lambda *_: None}
    for _ in range(num_processes):
        exec(short, names)
    return len(names["study"].trials)


@needs("onnx", "onnxruntime", "onnxscript")
@pytest.mark.filterwarnings("ignore::UserWarning")  # a model trained for four steps
def test_python_page() -> None:
    first, results, _ = blocks(DOCS["python"], "python")
    training = first.replace('"trainer.max_steps": 2000}', '"trainer.max_steps": 4, **small}')
    evaluation = results.replace('run.assay("report")', 'run.assay("report", assays=["reconstruction"])')
    assert training != first
    assert evaluation != results
    names: dict[str, object] = {"small": SMALL, "print": lambda *_: None}
    exec(training, names)
    exec(evaluation, names)
    assert Path("runs/quickstart/results.json").is_file()
    assert len(names["codes"].codes) == len(names["few"].codes) == len(Bars())  # type: ignore[attr-defined]
    assert "mig" in {score.row.name for score in names["found"].scores}  # type: ignore[attr-defined]
    assert Path("report/index.html").is_file()
    assert Path("explorer.html").stat().st_size > 10**6


@needs("optuna")
@pytest.mark.filterwarnings("ignore::UserWarning")  # an untrained model
def test_search_of_the_python_page() -> None:
    assert _trials_of_search(blocks(DOCS["python"], "python")[2], num_processes=1) == 3
    assert {path.name for path in Path("runs").iterdir()} == {f"helix_{trial}" for trial in range(3)}


@needs("sphinx")
def test_page_of_shipped_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its tables are made from the files of the models and configs."""
    monkeypatch.syspath_prepend(ROOT / "docs" / "_extensions")
    zoo = import_module("reference.zoo")
    folder = shutil.copytree(PACKAGED["demo"], tmp_path / "other")
    results = json.loads((folder / "results.json").read_text())
    mig = next(score for score in results["test"]["scores"] if score["name"] == "mig")
    assert f"| `mig` | {mig['value']:.3f} |" in zoo.shipped_models()
    mig["value"] = 0.98765
    (folder / "results.json").write_text(json.dumps(results))
    card = (folder / "README.md").read_text()
    (folder / "README.md").write_text(card.replace("| Seed | ", "| Seed | 98765"))
    monkeypatch.setattr(zoo, "PACKAGED", {"other": folder})
    page = zoo.shipped_models()
    assert page.startswith("## `other`: ")
    assert "| `mig` | 0.988 |" in page
    assert "| Seed | 98765" in page

    rows = {row.split("`")[1]: row for row in rows_of(zoo.packaged_configs())[1:]}
    assert set(rows) == {path.stem for path in (ROOT / "configs").glob("*.yaml")}
    assert rows["helix"].startswith("| `helix` | `BetaVAE(beta=0.05)` | `MLP(latent_dim=2, ")
    assert rows["helix"].endswith("| `DoubleHelix(num_samples=2048)` | 5,000 of 128 | Twenty seconds on a CPU |")
    assert "| `RenderedShapes3D`, `FactorPairs(num_changed=1)` | 300,000 of 64 | Hours on a CPU |" in rows["ada_gvae"]


@needs("sphinx")
def test_roles_in_docstrings_of_the_reference_name_what_has_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The build cannot check classes, because signatures name those of private modules; roles must not."""
    monkeypatch.syspath_prepend(ROOT / "docs" / "_extensions")
    api = import_module("reference.api")
    modules = {name: import_module(name) for name in api.MODULES}
    texts = {name: module.__doc__ or "" for name, module in modules.items()}
    for module_name, module in modules.items():
        for name in api.public_names(module):
            value = getattr(module, name)
            members = vars(value) if isinstance(value, type) else {}
            texts |= {f"{module_name}.{name}": value.__doc__ or ""}
            texts |= {f"{module_name}.{name}.{each}": member.__doc__ or "" for each, member in members.items()}
    roles = [
        (name, role)
        for name, text in texts.items()
        for role in re.findall(r":\w+:`(?:[^`<]*<)?[~!]?(lr_lightning\.[\w.]+)>?`", text)
    ]
    assert len(roles) > 20
    assert not [(name, role) for name, role in roles if role not in texts]
