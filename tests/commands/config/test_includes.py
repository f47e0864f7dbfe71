"""Configs that include others."""

import shutil
from pathlib import Path

import pytest
import yaml

from lr_lightning.commands.config.includes import read_config
from lr_lightning.configs import CONFIG_FOLDER

BASE = """
model: {init_args: {network: {class_path: MLP, init_args: {latent_dim: 2, widths: [8]}}, optimizer: Adam}}
assays: {response: {class_path: ResponseMatrixAssay, init_args: {num_samples: 9}}, units: LatentStatisticsAssay}
"""


def read(**files: str) -> object:
    """Return the config ``main`` of some files by name."""
    for name, text in files.items():
        Path(f"{name}.yaml").write_text(text)
    return read_config(Path("main.yaml"))


def test_own_values_come_last() -> None:
    own = """
    include: base.yaml
    model: {class_path: BetaVAE, init_args: {beta: 2.0, network: {init_args: {latent_dim: 3, widths: [4]}}}}
    assays: {response: {init_args: {seed: 3}}, units: null, more: DynamicsAssay}
    """
    assert read(base=BASE, main=own) == {
        "model": {
            "class_path": "BetaVAE",
            "init_args": {
                "network": {"class_path": "MLP", "init_args": {"latent_dim": 3, "widths": [4]}},
                "optimizer": "Adam",
                "beta": 2.0,
            },
        },
        "assays": {
            "response": {"class_path": "ResponseMatrixAssay", "init_args": {"num_samples": 9, "seed": 3}},
            "units": None,
            "more": "DynamicsAssay",
        },
    }


def test_another_class_takes_no_arguments_over() -> None:
    own = "{include: base.yaml, assays: {response: {class_path: DynamicsAssay, init_args: {seed: 1}}}}"
    found = read(base=BASE, main=own)
    assert isinstance(found, dict)
    assert found["assays"]["response"] == {"class_path": "DynamicsAssay", "init_args": {"seed": 1}}


@pytest.mark.parametrize(
    ("base", "own", "expected"),
    [
        ("A", "{init_args: {a: 1}}", {"class_path": "A", "init_args": {"a": 1}}),
        ("A", "{class_path: A, init_args: {a: 1}}", {"class_path": "A", "init_args": {"a": 1}}),
        ("{class_path: A, init_args: {a: 1}}", "A", {"class_path": "A", "init_args": {"a": 1}}),
        ("{class_path: A, init_args: {a: 1}}", "B", {"class_path": "B"}),
        ("{class_path: A, init_args: {a: 1}}", "null", None),
        ("A", "{class_path: B, init_args: {b: 1}}", {"class_path": "B", "init_args": {"b": 1}}),
        ("package.A", "{class_path: A, init_args: {a: 1}}", {"class_path": "A", "init_args": {"a": 1}}),
        (
            "{class_path: A, init_args: {a: 1}}",
            "{class_path: package.A, init_args: {b: 2}}",
            {"class_path": "package.A", "init_args": {"a": 1, "b": 2}},
        ),
        ("A", "B", "B"),
        ("A", "{some: value}", {"some": "value"}),
    ],
)
def test_the_name_of_a_class_is_merged_as_the_mapping_that_it_stands_for(base: str, own: str, expected: object) -> None:
    found = read(base=f"{{assays: {{one: {base}}}}}", main=f"{{include: base.yaml, assays: {{one: {own}}}}}")
    assert found == {"assays": {"one": expected}}


def test_files_are_merged_in_order_and_may_include_others() -> None:
    found = read(
        first="{a: 1, b: 1, c: 1}", second="{include: third.yaml, b: 2}", third="{b: 3, d: 3}", main="""
        include: [first.yaml, second.yaml]
        c: 4
        """
    )  # fmt: skip
    assert found == {"a": 1, "b": 2, "c": 4, "d": 3}


def test_a_copy_of_a_config_of_this_package_works_anywhere() -> None:
    Path("mine").mkdir()
    copy = Path(shutil.copy(CONFIG_FOLDER / "rae.yaml", "mine"))
    assert read_config(copy) == read_config(CONFIG_FOLDER / "rae.yaml")
    assert "include" not in yaml.safe_dump(read_config(copy))


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ({"main": "include: missing.yaml"}, ValueError, r"main\.yaml.*missing\.yaml"),
        ({"main": "include: main.yaml"}, ValueError, r"main\.yaml includes itself"),
        ({"main": "include: a.yaml", "a": "include: main.yaml"}, ValueError, r"main\.yaml includes itself"),
        ({"main": "include: {a: 1}"}, ValueError, r"include.*main\.yaml.*'a'"),
        ({"main": "include: [3]"}, ValueError, r"include.*main\.yaml.*3"),
        ({"main": "include: a.yaml", "a": "[1]"}, ValueError, r"a\.yaml.*main\.yaml.*mapping"),
        ({"main": "include: a.yaml", "a": "{"}, ValueError, r"a\.yaml.*YAML"),
    ],
)
def test_rejects(files: dict[str, str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read(**files)


def test_a_config_that_includes_nothing_is_returned_as_it_is() -> None:
    assert read(main="{a: {b: 1}}") == {"a": {"b": 1}}
    assert read(main="text") == "text"
