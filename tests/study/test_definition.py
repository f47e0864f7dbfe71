"""Study files: what they may say, and what is refused with a sentence."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lr_lightning.commands.config.packaged import packaged_names
from lr_lightning.commands.messages import UsageError
from lr_lightning.study.blocks import Block, read_blocks
from lr_lightning.study.definition import STUDY_FOLDER, StudyDefinition, find_study, read_definition
from lr_lightning.study.manifest import Evaluation, Resources
from lr_lightning.study.reading import digest_of

STUDY: dict[str, Any] = {"config": "helix", "grid": [{"model.beta": [1, 4]}]}


def read(text: str | dict[str, Any]) -> StudyDefinition:
    path = Path("mine.yaml")
    path.write_text(text if isinstance(text, str) else yaml.safe_dump(text))
    return read_definition(path)


def test_all_keys() -> None:
    definition = read(
        """
        name: small
        config: helix
        set: {trainer.max_steps: 20, data.batch_size: 64}
        seeds: 6
        runs_per_job: 3
        grid:
        - {model.beta: [1, 4], data.dataset: {class_path: DoubleHelix, init_args: {num_samples: 1100}}}
        - {config: factor_vae, objective: mine, model.gamma: [1], model.discriminator_widths: [[8, 8], [4]]}
        test: {metrics: study, assays: [response_matrix], codes: sample, checkpoint: best}
        resources: {cpus: 2, gpus: 0.25}
        wandb: disabled
        """
    )
    assert (definition.name, definition.seeds, definition.runs_per_job) == ("small", (0, 1, 2, 3, 4, 5), 3)
    first, second = definition.blocks
    dataset = {"class_path": "DoubleHelix", "init_args": {"num_samples": 1100}}
    assert list(first) == [{"model.beta": beta, "data.dataset": dataset} for beta in (1, 4)]
    assert list(second) == [{"model.gamma": 1, "model.discriminator_widths": widths} for widths in ([8, 8], [4])]
    assert (first.config, second.config, second.objective) == ("helix", "factor_vae", "mine")
    assert definition.num_cells == len(first) + len(second) == 4
    assert definition.evaluation.metrics == ("study",)
    assert definition.evaluation.assays == {"response_matrix": {}}
    assert (definition.evaluation.codes, definition.evaluation.checkpoint) == ("sample", "best")
    assert definition.resources == Resources(2, 0.25)
    assert definition.wandb == "disabled"


def test_defaults() -> None:
    definition = read(STUDY)
    assert (definition.name, definition.seeds, definition.runs_per_job) == ("mine", (0,), 1)
    assert definition.resources == Resources(None, 0)
    assert (definition.evaluation.metrics, definition.evaluation.assays) == (("default",), {})
    assert definition.wandb == "offline"


def test_the_earlier_name_of_a_key_is_understood(tmp_path: Path) -> None:
    text = "config: helix\ngrid: [{model.beta: [1, 2]}]\nseeds: 3\n"
    (tmp_path / "old.yaml").write_text(text + "seeds_per_job: 3")
    old = read_definition(tmp_path / "old.yaml")
    assert old.runs_per_job == 3
    # that of the file, so that a study which an earlier version began does not count as changed
    assert old.digest == digest_of(yaml.safe_load((tmp_path / "old.yaml").read_text()))


@given(sizes=st.lists(st.integers(1, 4), max_size=4))
def test_a_block_is_the_product_of_its_lists(sizes: list[int]) -> None:
    [block] = read_blocks([{f"model.x{key}": list(range(size)) for key, size in enumerate(sizes)}], "helix", Path())
    cells = list(block)
    assert len(cells) == len(block) == len({tuple(cell.items()) for cell in cells})
    for key, size in enumerate(sizes):
        assert {cell[f"model.x{key}"] for cell in cells} == set(range(size))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 3}, ["'seed'", "seeds"]),
        ({"trainer.max_steps": 3}, ["'trainer.max_steps'", "set"]),
        ({"name": "a/b"}, ["name", "'a/b'"]),
        ({"name": "runs"}, ["name", "'runs'"]),
        ({"name": ".."}, ["name", "'..'"]),
        ({"name": "ä" * 101}, ["name", "ä" * 101]),
        ({"config": 3}, ["config", "3"]),
        ({"set": [1]}, ["set", "[1]"]),
        ({"set": {"seed_everything": 1}}, ["set", "seed_everything", "seeds"]),
        ({"set": {"trainer.default_root_dir": "x"}}, ["set", "trainer.default_root_dir"]),
        ({"set": {"wandb.mode": "online"}}, ["set", "wandb.mode"]),
        ({"set": {"wandb.config": {"a": 1}}}, ["set", "wandb.config"]),
        ({"set": {"modle.beta": 1}}, ["set", "'modle.beta'"]),
        ({"seeds": 0}, ["seeds", "0"]),
        ({"seeds": 10**12}, ["seeds", str(10**12)]),
        ({"seeds": []}, ["seeds", "[]"]),
        ({"seeds": [1, 2, 1]}, ["seeds", "1 twice"]),
        ({"seeds": [-1]}, ["seeds", "-1"]),
        ({"seeds": [2**32]}, ["seeds", str(2**32)]),
        ({"seeds": True}, ["seeds", "True"]),
        ({"seeds": "5"}, ["seeds", "'5'"]),
        ({"runs_per_job": 4}, ["runs_per_job", "4"]),
        ({"runs_per_job": 0}, ["runs_per_job", "0"]),
        ({"seeds_per_job": True}, ["runs_per_job", "True"]),
        ({"seeds_per_job": 1, "runs_per_job": 1}, ["'seeds_per_job'", "'runs_per_job'"]),
        ({"grid": []}, ["grid", "[]"]),
        ({"grid": None}, ["grid", "None"]),
        ({"grid": {"model.beta": [1]}}, ["grid", "model.beta"]),
        ({"grid": [{}, 3]}, ["block 2", "3"]),
        ({"grid": [{}, {"model.beta": []}]}, ["block 2", "model.beta"]),
        ({"grid": [{"beta": [1]}]}, ["block 1", "'beta'"]),
        ({"grid": [{"config": ["a"]}]}, ["block 1", "config"]),
        ({"grid": [{3: ["a"]}]}, ["block 1", "3"]),
        ({"grid": [{"wandb.notes": [date(2024, 1, 2)]}]}, ["grid.wandb.notes", "date", "2024-01-02"]),
        ({"test": {"assays": {"response_matrix": {"a": [b"x"]}}}}, ["test.assays.response_matrix.a", "bytes"]),
        ({"grid": [{"wandb.group": "a"}]}, ["block 1", "wandb.group"]),
        ({"config": None}, ["block 1", "config"]),
        ({"test": ["mig"]}, ["test", "['mig']"]),
        ({"test": {"metric": "mig"}}, ["test", "'metric'", "metrics"]),
        ({"test": {"metrics": 3}}, ["test.metrics", "3"]),
        ({"test": {"metrics": ["mig", "mig"]}}, ["test.metrics", "mig"]),
        ({"test": {"assays": {"response_matrix": 3}}}, ["test.assays.response_matrix", "3"]),
        ({"test": {"codes": "means"}}, ["test.codes", "'means'"]),
        ({"test": {"checkpoint": "first"}}, ["test.checkpoint", "'first'"]),
        ({"seeds": 2, "test": {"udr": 3}}, ["test.udr", "3", "num_inputs"]),
        ({"seeds": 2, "test": {"udr": {"inputs": 3}}}, ["test.udr", "'inputs'", "num_inputs"]),
        ({"seeds": 2, "test": {"udr": {"num_inputs": 1}}}, ["test.udr.num_inputs", "1"]),
        ({"seeds": 2, "test": {"udr": {"num_inputs": True}}}, ["test.udr.num_inputs", "True"]),
        ({"seeds": 1, "test": {"udr": True}}, ["test.udr", "seeds"]),
        ({"resources": 2}, ["resources", "2"]),
        ({"resources": {"cpu": 2}}, ["resources", "'cpu'", "cpus"]),
        ({"resources": {"cpus": 0}}, ["resources.cpus", "0"]),
        ({"resources": {"cpus": "two"}}, ["resources.cpus", "'two'"]),
        ({"resources": {"gpus": -0.5}}, ["resources.gpus", "-0.5"]),
        ({"resources": {"gpus": 1.5}}, ["resources.gpus", "1.5"]),
        ({"resources": {"gpus": float("nan")}}, ["resources.gpus", "nan"]),
        ({"wandb": "on"}, ["wandb", "'on'"]),
    ],
)
def test_a_wrong_value_is_named(changed: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(UsageError) as raised:
        read(STUDY | changed)
    message = str(raised.value)
    assert message.startswith("mine.yaml: ")
    assert "\n" not in message
    for part in named:
        assert part in message


@pytest.mark.parametrize("text", ["[1]", "a: [", "3", "", "x: &a [*a]", "\0"])
def test_a_file_that_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"mine\.yaml"):
        read(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, 1000), ({}, 1000), ({"num_inputs": 40}, 40), (False, None), (None, None)],
)
def test_udr_is_part_of_the_evaluation(value: Any, expected: int | None) -> None:
    evaluation = read(STUDY | {"seeds": 2, "test": {"udr": value}}).evaluation
    assert evaluation.udr_inputs == expected
    assert (evaluation.digest == Evaluation().digest) == (expected is None)


def test_the_digest_of_an_evaluation_without_udr_is_that_of_earlier_versions() -> None:
    assert Evaluation(metrics=("mig",)).digest == "322b9a978644"


def test_a_config_is_looked_for_beside_the_study() -> None:
    path = Path("folder", "study.yaml")
    path.parent.mkdir()
    path.write_text("config: base.yaml\ngrid: [{}, {config: helix}]")
    Path("folder", "base.yaml").write_text("include: helix")
    assert [block.config for block in read_definition(path).blocks] == [str(Path("folder", "base.yaml")), "helix"]


def test_numbers_with_an_exponent_are_numbers() -> None:
    definition = read("config: helix\nset: {model.optimizer.lr: 1e-3}\ngrid: [{model.beta: [1E-2, 2.e+1, e3]}]")
    assert definition.values == {"model.optimizer.lr": 0.001}
    assert [cell["model.beta"] for cell in definition.blocks[0]] == [0.01, 20.0, "e3"]


def test_comments_and_the_order_of_keys_do_not_change_the_digest() -> None:
    one = read("config: helix\ngrid: [{model.beta: [1, 4]}]").digest
    assert read("# mine\ngrid: [{model.beta: [1, 4]}]\nconfig: helix").digest == one
    assert read("config: helix\ngrid: [{model.beta: [1, 5]}]").digest != one


def test_a_file_takes_precedence_over_a_packaged_study() -> None:
    assert find_study("small_dsprites").parent == STUDY_FOLDER
    Path("small_dsprites").write_text("")
    assert find_study("small_dsprites") == Path("small_dsprites")
    with pytest.raises(UsageError, match=r"'smal_dsprites'.*small_dsprites"):
        find_study("smal_dsprites")


@pytest.mark.parametrize(
    ("name", "cells", "seeds"),
    [
        ("locatello2019", 252, 50),
        ("leeb2022", 40, 5),
        ("quickstart_recipes", 5, 3),
        ("quickstart_seeds", 2, 5),
        ("small_dsprites", 12, 5),
        ("small_leeb2022", 4, 1),
    ],
)
def test_packaged_studies(name: str, cells: int, seeds: int) -> None:
    definition = read_definition(find_study(name))
    assert (definition.name, definition.num_cells, len(definition.seeds)) == (name, cells, seeds)
    assert re.match(r"# \S", definition.path.read_text())


def test_all_packaged_studies_are_tested() -> None:
    quickstart = ["quickstart_recipes", "quickstart_seeds"]
    assert packaged_names(STUDY_FOLDER) == [
        "leeb2022",
        "locatello2019",
        *quickstart,
        "small_dsprites",
        "small_leeb2022",
    ]


def test_the_strengths_of_the_large_study_are_those_of_the_paper() -> None:
    def strengths(block: Block) -> tuple[Any, ...]:
        [values] = [values for values in block.values.values() if len(values) == 6]
        return values

    blocks = read_definition(find_study("locatello2019")).blocks
    found = {block.objective or block.config: strengths(block) for block in blocks}
    assert found == {
        "dsprites_betavae": (1, 2, 4, 6, 8, 16),
        "annealed_vae": (5, 10, 25, 50, 75, 100),
        "factor_vae": (10, 20, 30, 40, 50, 100),
        "DIPVAE-I": (1, 2, 5, 10, 20, 50),
        "DIPVAE-II": (1, 2, 5, 10, 20, 50),
        "beta_tc_vae": (1, 2, 4, 6, 8, 10),
    }
    assert all(
        sum(len(block.values["data.dataset"]) for block in blocks if (block.objective or block.config) == name) == 7
        for name in found
    )
