"""The package: its modules, doctests and layers."""

import doctest
import importlib
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import lr_lightning

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = {name: ROOT / folder for name, folder in PYPROJECT["tool"]["setuptools"]["package-dir"].items()}


def modules() -> list[str]:
    """Return the names of all modules, as found by the import system."""
    names = []
    for package in PYPROJECT["tool"]["setuptools"]["packages"]:
        found = pkgutil.iter_modules(importlib.import_module(package).__path__, package + ".")
        names += [package, *(m.name for m in found if not m.ispkg and not m.name.endswith("__main__"))]
    return sorted(names)


@pytest.mark.parametrize("name", modules())
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_folder_with_code_is_a_listed_package() -> None:
    on_disk = {
        ".".join([name, *file.parent.relative_to(folder).parts])
        for name, folder in FOLDERS.items()
        for file in folder.rglob("__init__.py")
    }
    assert on_disk == set(PYPROJECT["tool"]["setuptools"]["packages"])


def test_folders_are_imported_by_their_full_names() -> None:
    assert not {"callbacks", "data", "configs"} & {name.split(".")[0] for name in sys.modules}
    assert lr_lightning.__name__ == "lr_lightning"


def test_module_is_the_command() -> None:
    command = [sys.executable, "-m", "lr_lightning", "--version"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    assert printed == f"lr-lightning {lr_lightning.__version__}\n"


def test_help_does_not_import_torch() -> None:
    script = """
import sys
from lr_lightning.cli import main
try:
    main(["--help"])
finally:
    assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60)


def test_type_checkers_see_the_folders_under_their_import_names() -> None:
    for name, folder in FOLDERS.items():
        if "." in name:
            assert (ROOT / "typings" / Path(*name.split("."))).resolve() == folder.resolve()


def test_assays_do_not_import_lightning_or_loggers() -> None:
    banned = ("pytorch_lightning", "wandb", "matplotlib", "lr_lightning.callbacks", "lr_lightning.models")
    for path in (ROOT / "lr_lightning" / "assays").glob("*.py"):
        imports = [line for line in path.read_text().splitlines() if line.startswith(("import ", "from "))]
        assert not [line for line in imports if any(f" {name}" in line for name in banned)], path.name


@pytest.mark.parametrize("package", ["lr_lightning.assays", "lr_lightning.plots", "lr_lightning.callbacks"])
def test_no_module_shadows_a_function(package: str) -> None:
    exported = importlib.import_module(package)
    for name in modules():
        importlib.import_module(name)
    assert not [name for name in exported.__all__ if isinstance(getattr(exported, name), ModuleType)]
