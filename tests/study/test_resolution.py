"""Cells are resolved as `fit` resolves a config, and everything in them is checked."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pytorch_lightning import LightningDataModule
from typing_extensions import override

from lr_lightning.commands.fit.training import RunCLI, prepare
from lr_lightning.commands.messages import UsageError
from lr_lightning.study.blocks import Block
from lr_lightning.study.definition import StudyDefinition, find_study, read_definition
from lr_lightning.study.resolution import ResolvedStudy, resolve_study
from lr_lightning.study.sections import SectionResolver

STUDY: dict[str, Any] = {
    "config": "helix",
    "set": {"trainer.max_steps": 10, "assays": None},
    "grid": [{"model.beta": [1, 4]}],
}


DOCUMENTED = [("yaml", "name: "), ("", "lr-lightning study run: ")]
"""Language and beginning of two blocks of the documentation: a study, and an error about it."""


def definition(changed: dict[str, Any]) -> StudyDefinition:
    path = Path("mine.yaml")
    path.write_text(yaml.safe_dump(STUDY | changed, sort_keys=False))
    return read_definition(path)


def resolve(**changed: Any) -> ResolvedStudy:
    return resolve_study(definition(changed))


class NoDataSet(LightningDataModule):
    """A data module that has no data set."""


class Parsed(RunCLI):
    """A command line that stops once its config is complete."""

    @override
    def before_instantiate_classes(self) -> None:
        self._dump_config()

    @override
    def instantiate_classes(self) -> None:
        pass


@pytest.mark.parametrize(
    ("config", "values"),
    [
        ("helix", {"model.beta": 3, "data.dataset.num_samples": 1200}),
        ("factor_vae", {"model.discriminator_widths": [8, 8], "data.dataset": "ColorDSprites"}),
        ("ada_gvae", {"trainer.gradient_clip_val": 0.5, "assays.mine": "dynamics"}),
        ("photographs", {"data.dataset.path": "pictures", "model.network.latent_dim": 3, "wandb.tags": ["a"]}),
        ("annealed_vae", {"model": {"class_path": "WAE"}, "assays": None, "checkpoint.monitor": "val/kl"}),
    ],
)
def test_a_cell_is_resolved_as_by_fit(config: str, values: dict[str, Any]) -> None:
    resolver, found = SectionResolver(), dict[str, Any]()
    for section in resolver.sections(config, values):
        found |= resolver.plain(section)
    words = [
        f"--{key}={value if isinstance(value, str) else yaml.safe_dump(value, default_flow_style=True).split('...')[0]}"
        for key, value in values.items()
    ]
    with torch.random.fork_rng():
        assert found == prepare(["fit", f"--config={config}", *words], Parsed).config_dump


def test_values_of_a_block_take_precedence() -> None:
    grid = [{"model.beta": [1, 2]}, {"model.beta": 3, "data.batch_size": 32}, {"config": "factor_vae", "set": None}]
    found = resolve(set={"data.batch_size": 16, "model.beta": 9}, grid=grid[:2])
    values = [
        (config["model"]["init_args"]["beta"], config["data"]["init_args"]["batch_size"])
        for config in found.configs.values()
    ]
    assert values == [(1, 16), (2, 16), (3, 32)]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"grid": [{}, {"model.betta": [1]}]}, ["block 2", "model.betta", "did you mean beta"]),
        ({"grid": [{}, {"model.beta": [2, "much"]}]}, ["block 2", "model.beta", "much"]),
        ({"grid": [{}, {"model.beta": [2, -1]}]}, ["block 2", "model.beta: -1", "beta must"]),
        ({"grid": [{"model": "BetaVEA"}]}, ["block 1", "model", "BetaVEA", "BetaVAE"]),
        ({"grid": [{"config": "helixx"}]}, ["block 1", "helixx", "helix"]),
        ({"grid": [{"data.batch_size": [8, 0]}]}, ["block 1", "data.batch_size: 0"]),
        ({"grid": [{"data.val_size": 5000}]}, ["block 1", "data.val_size: 5000"]),
        ({"grid": [{"trainer.max_step": [1]}]}, ["block 1", "trainer.max_step", "trainer.max_steps"]),
        ({"grid": [{"trainer.max_steps": ["long"]}]}, ["block 1", "trainer.max_steps", "long"]),
        ({"set": {"trainer.max_steps": "long"}}, ["set", "trainer.max_steps", "long"]),
        ({"set": {"model.beta": -1}, "grid": [{}]}, ["set", "model.beta", "-1"]),
        ({"set": {"assays.mine": "dinamics"}}, ["set", "assays.mine", "dinamics"]),
        (
            {"set": {"assays": None, "assays.mine": {"class_path": "DynamicsAssay", "init_args": {"num_samples": 0}}}},
            ["set", "assays.mine", "num_samples"],
        ),
        ({"grid": [{"model.network.observation_shape": [[2]]}]}, ["block 1", "(2,)", "(3,)", "DoubleHelix"]),
        ({"config": "nothing.yaml"}, ["block 1", "nothing.yaml"]),
        ({"config": "empty.yaml"}, ["block 1", "empty.yaml", "model"]),
        ({"set": {"initial_weights": "none.ckpt"}}, ["none.ckpt"]),
        ({"grid": [{}, {"trainer.enable_checkpointing": False}]}, ["block 2", "trainer.enable_checkpointing"]),
        ({"set": {"trainer.limit_val_batches": 0}, "test": {"checkpoint": "best"}}, ["trainer.limit_val_batches"]),
        ({"test": {"metrics": ["mgi"]}}, ["test.metrics", "mgi", "mig"]),
        ({"seeds": 2, "test": {"udr": True}, "grid": [{"data": f"{__name__}.NoDataSet"}]}, ["block 1", "test.udr"]),
        ({"test": {"assays": ["response_matrxi"]}}, ["test.assays", "response_matrxi", "response_matrix"]),
        ({"test": {"assays": {"response_matrix": {"num_sample": 3}}}}, ["test.assays.response_matrix", "num_sample"]),
        ({"test": {"assays": {"response_matrix": {"num_samples": 0}}}}, ["test.assays.response_matrix", "num_samples"]),
    ],
)
def test_a_refused_value_is_named(changed: dict[str, Any], named: list[str]) -> None:
    Path("empty.yaml").write_text("trainer: {max_steps: 3}")
    with pytest.raises(UsageError) as raised:
        resolve(**changed)
    for part in named:
        assert part in str(raised.value)


@pytest.mark.parametrize(
    "grid",
    [
        [{"model.beta": [1, 2]}, {"model.beta": 2}],
        [{"model.beta": [1, 2]}, {"model.init_args.beta": 2.0, "model.kl": "gaussian"}],
    ],
)
def test_equal_cells_are_refused_with_both_blocks(grid: list[Any]) -> None:
    with pytest.raises(UsageError, match=r"block 1.*model\.beta: 2.*block 2.*: 2"):
        resolve(grid=grid)


def test_a_value_that_is_there_twice_is_an_equal_cell() -> None:
    with pytest.raises(UsageError, match=r"block 1.*model\.beta: 2.*block 1.*model\.beta: 2"):
        resolve(grid=[{"model.beta": [2, 2]}])


def test_resolving_changes_neither_random_state_nor_folder() -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    resolve()
    assert torch.equal(torch.get_rng_state(), state)
    assert [path.name for path in Path().iterdir() if path.suffix != ".yaml" and "wandb" not in path.name] == []


def test_cells_of_missing_data_are_resolved() -> None:
    dataset = {"class_path": "MPI3D", "init_args": {"path": "a.npz", "variant": "toy"}}
    found = resolve(config="shapes3d_betavae", grid=[{"data.dataset": [dataset, "RenderedShapes3D"]}])
    [missing] = found.missing
    assert "mpi3d_toy" in missing
    assert "a.npz" in missing
    assert [cell.dataset for cell in found.manifest.cells] == ["mpi3d_toy", "RenderedShapes3D"]
    assert found.missing_shapes == {found.manifest.cells[0].identity: (3, 64, 64)}


def test_the_name_of_a_derived_data_set_contains_that_of_its_original() -> None:
    network = {"class_path": "Conv32", "init_args": {"latent_dim": 4, "channels": 1}}
    dataset = {"class_path": "Downsampled", "init_args": {"dataset": "RenderedDSprites"}}
    [cell] = resolve(
        config="dsprites_betavae", grid=[{"model.network": network, "data.dataset": dataset}]
    ).manifest.cells
    assert cell.dataset == "Downsampled(RenderedDSprites)"


def test_the_study_and_the_error_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "studies.md").read_text()
    study, error = (re.search(rf"```{kind}\n({begin}.*?)```", text, re.DOTALL) for kind, begin in DOCUMENTED)
    assert study is not None
    assert error is not None
    path = Path("strengths.yaml")
    path.write_text(study[1])
    found = resolve_study(read_definition(path))
    assert [cell.block for cell in found.manifest.cells] == [1, 1, 1, 2, 2]
    path.write_text(study[1].replace("model.gamma", "model.gama"))
    with pytest.raises(UsageError) as raised:
        resolve_study(read_definition(path))
    assert error[1] == f"lr-lightning study run: {raised.value}\n"


def thinned(block: Block) -> Block:
    """Return a block with the first value of each key, but all data sets."""
    return replace(
        block, values={key: each if key == "data.dataset" else each[:1] for key, each in block.values.items()}
    )


@pytest.mark.parametrize(
    "name",
    ["locatello2019", "leeb2022", "quickstart_recipes", "quickstart_seeds", "small_dsprites", "small_leeb2022"],
)
def test_packaged_studies_resolve(name: str) -> None:
    given = read_definition(find_study(name))
    found = resolve_study(replace(given, blocks=tuple(thinned(block) for block in given.blocks)))
    labels = [cell.label for cell in found.manifest.cells]
    assert len(set(labels)) == len(labels) == len(found.configs)
    assert all(len(label) < 60 for label in labels)
    if name == "locatello2019":
        assert len({(cell.objective, cell.dataset) for cell in found.manifest.cells}) == 6 * 7


@pytest.mark.parametrize(
    ("grid", "groups"),
    [
        ([{"model.beta": [1, 4]}, {"model.optimizer.lr": [0.1]}], 1),
        ([{"model.network.latent_dim": [2, 3]}], 2),
        ([{"data.batch_size": [16, 32]}], 2),
        ([{"trainer.max_steps": [10, 20]}], 2),
        ([{"model.updates_per_batch": [1]}, {"model.updates_per_batch": [2], "model.beta": [4]}], 2),
        ([{}, {"model": ["VAE"]}], 2),
        ([{"model": ["FactorVAE"], "model.gamma": [1, 10]}], 1),
        ([{"model": ["FactorVAE"], "model.discriminator_widths": [[8], [9]]}], 2),
        ([{"model.channels_last": [True, False]}], 2),
        ([{"wandb.tags": [["a"]]}, {"wandb.tags": [["b"]], "model.beta": [4]}], 1),
    ],
)
def test_cells_that_can_be_trained_together_have_one_group(grid: list[Any], groups: int) -> None:
    cells = resolve(grid=grid).manifest.cells
    assert len(cells) >= 2
    assert len({cell.group for cell in cells}) == groups
    assert all(cell.group for cell in cells)
