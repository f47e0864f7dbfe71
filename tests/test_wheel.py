"""The wheel is complete: installed in another folder, it works without the checkout."""

import json
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

from lr_lightning import load_run
from tests.explorer.browser import canvas_pixels, launched, opened, settle
from tests.explorer.test_static_page import embedded
from tests.extras import needs
from tests.installed import OFFLINE, install, run_commands, run_python

ROOT = Path(__file__).parents[1]
FOLDERS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]

# Imports all modules and all that registries name; prints the files of the modules.
IMPORT_ALL = """
import importlib, json, pkgutil, sys
import lr_lightning

names = [each.name for each in pkgutil.walk_packages(lr_lightning.__path__, "lr_lightning.")]
modules = [importlib.import_module(name) for name in ["lr_lightning", *names]]

from lr_lightning.callbacks import ASSAYS
from lr_lightning.data import DATA_SETS
from lr_lightning.metrics.registry import METRICS
from lr_lightning.models import MODELS
from lr_lightning.networks import NETWORKS

for registry in (ASSAYS, DATA_SETS, METRICS, MODELS, NETWORKS):
    for name in registry:
        registry[name]
print(json.dumps([module.__file__ for module in modules]))
"""


def tracked_files() -> list[Path]:
    """Return the files of the repository, relative to its root."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]


def packaged(path: Path) -> Path | None:
    """Return where the wheel has a file of the repository, ``None`` if it is not part of the package."""
    for package, folder in FOLDERS.items():
        if path.is_relative_to(folder):
            return Path(*package.split(".")) / path.relative_to(folder)
    return None


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of a copy of the repository installed."""
    copy, wheels, site = (tmp_path_factory.mktemp(name) for name in ("copy", "wheels", "site"))
    for path in tracked_files():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, copy / path)
    run_python(["-m", "pip", "wheel", *OFFLINE, "--wheel-dir", str(wheels), str(copy)], wheels)
    [wheel] = wheels.iterdir()
    install(wheel, site)
    shutil.rmtree(copy)
    return site


def test_it_has_every_file_of_the_package(site: Path) -> None:
    expected = {place for path in tracked_files() if (place := packaged(path)) is not None}
    found = {path.relative_to(site) for path in (site / "lr_lightning").rglob("*") if path.is_file()}
    assert {path for path in found if "__pycache__" not in path.parts} == expected


def test_every_module_is_imported_from_it_and_registries_resolve(site: Path, tmp_path: Path) -> None:
    files = [Path(file) for file in json.loads(run_python(["-c", IMPORT_ALL], tmp_path, site).splitlines()[-1])]
    assert set(files) == set((site / "lr_lightning").rglob("*.py"))


def test_its_commands_run(site: Path, tmp_path: Path) -> None:
    config = site / "lr_lightning" / "configs" / "quickstart.yaml"
    listed, printed = run_commands(["data list", f"fit --config {config} --print_config"], tmp_path, site)
    assert listed.code == printed.code == 0, listed.printed + printed.printed
    assert "shapes3d" in listed.printed
    assert "lr_lightning.models.AdaGVAE" in printed.printed


def test_the_packaged_model_is_assayed_from_an_empty_folder(site: Path, tmp_path: Path) -> None:
    def state() -> dict[Path, int]:
        files = (site / "lr_lightning").rglob("*")
        return {path: path.stat().st_mtime_ns for path in files if path.is_file() and "__pycache__" not in path.parts}

    before = state()
    command = "assay demo --out report --assays latent_statistics,latent_traversal --trainer.accelerator cpu"
    [done] = run_commands([command], tmp_path, site)
    assert done.code == 0, done.printed
    assert (tmp_path / "report" / "index.html").stat().st_size > 10_000
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    assert state() == before  # the package is only read


@pytest.fixture(scope="module")
def explorer(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder, empty before, with the page of the packaged model."""
    folder = tmp_path_factory.mktemp("explorer")
    [done] = run_commands(["explore demo --num_samples 8"], folder, site)
    assert done.code == 0, done.printed
    return folder


@needs("onnx", "onnxruntime", "onnxscript")
def test_the_packaged_model_is_explored_from_an_empty_folder(explorer: Path) -> None:
    data = embedded((explorer / "explorer.html").read_text())
    assert data["title"] == "AdaGVAE on rendered_shapes3d"
    assert data["engine"]["kind"] == "onnx"
    assert [path.name for path in explorer.iterdir()] == ["explorer.html"]


@needs("onnx", "onnxruntime", "onnxscript", "playwright")
def test_a_browser_shows_what_the_packaged_model_computes(explorer: Path) -> None:
    model: Any = load_run("demo").model()
    with launched() as browser, opened(browser, (explorer / "explorer.html").as_uri()) as page:
        page.get_by_role("button", name="Random").click()
        settle(page)
        code, observation, response = page.evaluate(
            """() => {
              const { code, observation, response } = explorer.state.result;
              return [code, Array.from(observation), Array.from(response)];
            }"""
        )
        shown = torch.tensor(canvas_pixels(page, "#observation"))
    codes = torch.tensor([code])
    with torch.no_grad():
        decoded, expected = model.decode(codes)[0], model.response(codes)[0]
    assert (torch.tensor(observation) - decoded.flatten()).abs().max() <= 1e-4
    assert (torch.tensor(response) - expected).abs().max() <= 1e-4
    assert (shown - 255 * decoded.clamp(0, 1).permute(1, 2, 0)).abs().max() <= 0.6


def test_it_installs_the_console_script(site: Path, tmp_path: Path) -> None:
    assert run_python([str(site / "bin" / "lr-lightning"), "--version"], tmp_path, site).startswith("lr-lightning ")
