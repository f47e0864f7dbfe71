"""Search files."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.manifest import Resources
from lr_lightning.study.search.definition import read_search

SEARCH: dict[str, Any] = {
    "config": "helix",
    "set": {"trainer.max_epochs": 3},
    "space": {"model.beta": {"log_uniform": [0.01, 4]}},
    "monitor": "val/loss",
    "mode": "min",
    "num_trials": 4,
}


def write(**parts: Any) -> Path:
    """Write a search file; parts that are ``None`` are left out."""
    path = Path("betas.yaml")
    path.write_text(yaml.safe_dump({key: value for key, value in (SEARCH | parts).items() if value is not None}))
    return path


def test_defaults() -> None:
    found = read_search(write())
    assert (found.name, found.seed, found.scheduler, found.grace) == ("betas", 0, "asha", 0.1)
    assert found.resources == Resources(None, 0.0)
    assert found.values == {"trainer.max_epochs": 3}


def test_only_values_change_the_digest() -> None:
    first = read_search(write())
    path = write()
    path.write_text("# a comment\n" + path.read_text())
    assert read_search(path).digest == first.digest
    assert read_search(write(num_trials=5)).digest != first.digest


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"trials": 3}, r"'trials'.*num_trials"),
        ({"surprise": 3}, r"'surprise'.*choose from name, config"),
        ({"name": "a/b"}, r"name.*'a/b'"),
        ({"name": "runs"}, r"name.*'runs'"),
        ({"config": None}, r"config.*None"),
        ({"set": [1]}, r"set.*\[1\]"),
        ({"set": {"seed_everything": 3}}, r"set.*seed_everything"),
        ({"set": {"checkpoint.mode": "max"}}, r"set.*checkpoint\.mode"),
        ({"space": {"modle.beta": {"choice": [1]}}}, r"space.*'modle\.beta'"),
        ({"space": {"checkpoint.monitor": {"choice": ["a"]}}}, r"space.*checkpoint\.monitor"),
        ({"monitor": None}, r"monitor.*None"),
        ({"mode": None}, r"mode.*min, max.*None"),
        ({"mode": "minimum"}, r"mode.*'minimum'"),
        ({"num_trials": None}, r"num_trials.*None"),
        ({"num_trials": 0}, r"num_trials.*\b0"),
        ({"num_trials": True}, r"num_trials.*True"),
        ({"seed": -1}, r"seed.*-1"),
        ({"scheduler": "hyperband"}, r"scheduler.*asha, none.*'hyperband'"),
        ({"grace": 1}, r"grace.*\b1"),
        ({"grace": 0}, r"grace.*\b0"),
        ({"resources": {"cpu": 1}}, r"resources.*'cpu'.*cpus"),
    ],
)
def test_rejects_wrong_keys_and_values(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=rf"^betas\.yaml: .*{message}"):
        read_search(write(**parts))


def test_rejects_what_is_no_search() -> None:
    with pytest.raises(UsageError, match=r"missing\.yaml"):
        read_search(Path("missing.yaml"))
    Path("list.yaml").write_text("[1, 2]")
    with pytest.raises(UsageError, match=r"list\.yaml.*mapping"):
        read_search(Path("list.yaml"))
    Path("broken.yaml").write_text("{")
    with pytest.raises(UsageError, match=r"broken\.yaml"):
        read_search(Path("broken.yaml"))


def test_reading_imports_neither_torch_nor_ray() -> None:
    script = (
        "import sys; import lr_lightning.study.search.definition; sys.exit(bool({'torch', 'ray'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0
