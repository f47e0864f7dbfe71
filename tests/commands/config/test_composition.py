"""Assays of several configs and options are merged by name."""

from pathlib import Path
from typing import Any

import pytest
from jsonargparse import ArgumentParser

from lr_lightning.callbacks import ASSAYS, AssayCallback
from lr_lightning.commands.config.composition import ComposingConfigFile, split_assays
from lr_lightning.commands.messages import UsageError

FIRST = """
assays:
  response: {class_path: ResponseMatrixAssay, init_args: {num_samples: 9}}
  units: LatentStatisticsAssay
"""


@pytest.fixture(autouse=True)
def _configs(tmp_path: Path) -> None:
    ASSAYS.import_own()  # so that the parser knows their class names
    for name, text in {
        "first": FIRST,
        "more": "assays: {dynamics: DynamicsAssay, response: {init_args: {seed: 3}}}",
        "drop": "assays: {units: null}",
        "none": "assays: null",
        "empty": "assays: {}",
        "other": "assays: {response: DynamicsAssay}",
        "elsewhere": "seed: 3",
    }.items():
        Path(f"{name}.yaml").write_text(text)


def parse(*arguments: str) -> dict[str, Any]:
    """Return class and arguments of the assays that ``arguments`` give, ``None`` for a dropped one."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--config", action=ComposingConfigFile)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--assays", type=dict[str, AssayCallback | None] | None, default={})
    assays = parser.parse_args(split_assays(list(arguments))).assays or {}
    return {
        name: assay and (assay.class_path.rpartition(".")[2], assay.init_args.as_dict())
        for name, assay in assays.items()
    }


@pytest.mark.parametrize(
    "more",
    [
        ["--config=more.yaml"],
        ["--assays.dynamics=DynamicsAssay", "--assays.response.seed=3"],
        ["--assays={dynamics: DynamicsAssay, response: {init_args: {seed: 3}}}"],
        ["--assays", '{"dynamics": "DynamicsAssay", "response": {"init_args": {"seed": 3}}}'],
        ["--config=elsewhere.yaml", "--config", "more.yaml", "--config=elsewhere.yaml"],
    ],
)
def test_assays_are_added_by_name(more: list[str]) -> None:
    found = parse("--config=first.yaml", *more)
    assert list(found) == ["response", "units", "dynamics"]
    kind, arguments = found["response"]
    assert kind == "ResponseMatrixAssay"
    assert (arguments["num_samples"], arguments["seed"]) == (9, 3)


@pytest.mark.parametrize("drop", ["--config=drop.yaml", "--assays.units=null", "--assays={units: null}"])
def test_null_drops_one(drop: str) -> None:
    found = parse("--config=first.yaml", drop)
    assert found["units"] is None
    assert found["response"] is not None


@pytest.mark.parametrize("drop", ["--config=none.yaml", "--config=empty.yaml", "--assays=null", "--assays={}"])
def test_null_drops_all_and_more_can_follow(drop: str) -> None:
    assert parse("--config=first.yaml", drop) == {}
    found = parse("--config=first.yaml", drop, "--config=other.yaml", "--assays.more=DynamicsAssay")
    assert list(found) == ["response", "more"]


def test_another_class_keeps_the_arguments_that_it_has_too() -> None:
    kind, arguments = parse("--config=first.yaml", "--config=other.yaml")["response"]  # as --model does
    assert kind == "DynamicsAssay"
    assert arguments["num_samples"] == 9
    assert "preset" not in arguments


def test_other_words_pass_unchanged() -> None:
    words = ["fit", "--assays.a=X", "--assays=file.yaml", "--assaysa=3", "--x", "--assays"]
    assert split_assays(words) == words
    assert split_assays(["--assays", "{a: {n: [1, 'no', 1.0e-3], t: null}}"]) == [
        "--assays.a={n: [1, 'no', 0.001], t: null}"
    ]


def test_names_of_earlier_versions_are_replaced() -> None:
    path = "lr_lightning.callbacks.conditioned_response.ConditionedResponseAssay"
    Path("old.yaml").write_text(f"assays: {{mine: {{class_path: {path}, init_args: {{samples: 3}}}}}}")
    _, arguments = parse("--config=old.yaml", "--assays.mine.num_traversals=4")["mine"]
    assert (arguments["num_samples"], arguments["num_traversals"]) == (3, 4)


def test_packaged_configs_are_given_by_name() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--config", action=ComposingConfigFile)
    for key in ("seed_everything", "model", "data", "trainer"):
        parser.add_argument(f"--{key}", type=Any)
    parser.add_argument("--assays", type=dict[str, AssayCallback | None] | None, default={})
    found = parser.parse_args(["--config=helix", "--config=drop.yaml", "--config={seed_everything: 3}"])
    assert found.trainer["default_root_dir"] == "runs/helix"
    assert found.seed_everything == 3
    assert list(found.assays) == ["reconstruction", "latent_statistics", "response_matrix", "units"]
    with pytest.raises(UsageError, match=r"'hellix'.*did you mean helix\?"):
        parser.parse_args(["--config=hellix"])
