"""The identity of a cell: what changes it and what does not."""

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lr_lightning.study.data_content import data_content
from lr_lightning.study.identity import canonical, cell_identity, differences, training_values
from lr_lightning.study.sections import SectionResolver

CONTENT = {"name": "double_helix", "renderer_version": None}
IDENTITY = "ca34f49f32c0"
"""That of :func:`config`. If it changes, no study finds its earlier runs again."""


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    """The complete config of a cell."""
    resolver, found = SectionResolver(), dict[str, Any]()
    for section in resolver.sections("helix", {"model.beta": 0.5, "trainer.max_steps": 100}):
        found |= resolver.plain(section)
    return found


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield the place and value of each single value of a config."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if parts is None:
        yield path, value
        return
    for key, part in parts:
        yield from leaves(part, (*path, key))


def replaced(config: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    found = part = copy.deepcopy(config)
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return found


def shuffled(value: Any, order: random.Random) -> Any:
    """Return a config with its keys in another order, and whole numbers of another type."""
    if isinstance(value, dict):
        keys = list(value)
        order.shuffle(keys)
        return {key: shuffled(value[key], order) for key in keys}
    if isinstance(value, list):
        return [shuffled(each, order) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and order.random() < 0.5:
        return float(value)
    return value


def test_it_does_not_change_between_processes_and_versions(config: dict[str, Any]) -> None:
    assert cell_identity(config, CONTENT) == IDENTITY


@settings(max_examples=30)
@given(order=st.randoms(use_true_random=False))
def test_order_and_type_of_numbers_do_not_matter(config: dict[str, Any], order: random.Random) -> None:
    assert cell_identity(shuffled(config, order), CONTENT) == IDENTITY


@settings(max_examples=40)
@given(data=st.data())
def test_each_number_that_affects_training_matters(config: dict[str, Any], data: st.DataObject) -> None:
    numbers = [
        (path, value)
        for path, value in leaves({key: config[key] for key in ("model", "data")})
        if isinstance(value, int | float)
    ]
    path, value = data.draw(st.sampled_from(numbers))
    free = path[-1] in ("device_resident", "updates_per_batch")
    other = not value if isinstance(value, bool) else value + data.draw(st.sampled_from([-1, 1, 0.25]))
    assert (cell_identity(replaced(config, path, other), CONTENT) == IDENTITY) == free


@pytest.mark.parametrize("key", ["max_steps", "max_epochs", "accumulate_grad_batches", "gradient_clip_val"])
def test_arguments_of_the_trainer_matter(config: dict[str, Any], key: str) -> None:
    assert cell_identity(replaced(config, ("trainer", key), 7), CONTENT) != IDENTITY


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("trainer", "accelerator"), "gpu"),
        (("trainer", "default_root_dir"), "elsewhere"),
        (("trainer", "enable_progress_bar"), False),
        (("trainer", "log_every_n_steps"), 3),
        (("trainer", "callbacks"), [{"class_path": "lr_lightning.callbacks.ReconstructionAssay"}]),
        (("wandb", "project"), "mine"),
        (("checkpoint", "monitor"), "val/kl"),
        (("assays",), None),
        (("seed_everything",), 5),
        (("model", "init_args", "assays"), ["lr_lightning.callbacks.ReconstructionAssay"]),
        (("data", "init_args", "device_resident"), True),
    ],
)
def test_what_does_not_affect_training_does_not_matter(config: dict[str, Any], path: Any, value: Any) -> None:
    assert cell_identity(replaced(config, path, value), CONTENT) == IDENTITY


@pytest.mark.parametrize("precision", [None, "32-true", "16-mixed"])
def test_precision_is_pinned(config: dict[str, Any], precision: str | None) -> None:
    changed = replaced(config, ("trainer", "precision"), precision)
    assert (cell_identity(changed, CONTENT) == IDENTITY) == (precision != "16-mixed")


def test_early_stopping_matters(config: dict[str, Any]) -> None:
    stopping = {"class_path": "pytorch_lightning.callbacks.EarlyStopping", "init_args": {"monitor": "val/loss"}}
    assert cell_identity(replaced(config, ("trainer", "callbacks"), [stopping]), CONTENT) != IDENTITY


@settings(max_examples=40)
@given(data=st.data())
def test_arguments_that_an_earlier_version_did_not_have_do_not_matter(
    config: dict[str, Any], data: st.DataObject
) -> None:
    # all of these have their defaults, so a version without them trains the same models
    places = [
        *((part, "init_args") for part in ("model", "data")),
        ("model", "init_args", "optimizer", "init_args"),
        ("model", "init_args", "network", "init_args"),
        ("data", "init_args", "dataset", "init_args"),
        ("trainer",),
    ]
    given_values = {
        *("network", "likelihood", "beta", "optimizer", "dataset", "batch_size", "batches_per_epoch", "val_size"),
        *("lr", "amsgrad", "fused", "max_steps", "max_epochs", "num_samples", "variational", "parameters_per_value"),
    }
    old = copy.deepcopy(config)
    for place in places:
        part: Any = old
        for key in place:
            part = part[key]
        for key in data.draw(st.sets(st.sampled_from(sorted(part.keys() - given_values) or ["none"]))):
            part.pop(key, None)
    assert cell_identity(old, CONTENT) == IDENTITY


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (8.0, 8),
        (True, True),
        (0.5, 0.5),
        (2.0**60, 2.0**60),
        ("8.0", "8.0"),
        (
            {"class_path": "lr_lightning.models.beta_vae.BetaVAE", "init_args": {"beta": 4.0, "kl": "leeb2022"}},
            {"class_path": "lr_lightning.models.BetaVAE", "init_args": {"kl": "leeb2022"}},
        ),
        ({"class_path": "torch.optim.Adam"}, {"class_path": "torch.optim.Adam", "init_args": {}}),
    ],
)
def test_canonical_form(value: Any, expected: Any) -> None:
    found = canonical(value)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    "values",
    [
        {"model.beta": 0.5},
        {"model.init_args.beta": 0.5},
        {"model.beta": "0.5"},
        {"model": "lr_lightning.models.beta_vae.BetaVAE", "model.beta": 0.5},
        {"model": "BetaVAE", "model.beta": 0.5},
        {"model.beta": 0.5, "data.dataset.seed": 0, "trainer.precision": "32-true"},
        {"model.beta": 0.5, "assays": None, "wandb.project": "mine", "data.batch_size": 128},
    ],
)
def test_spellings_of_one_cell(values: dict[str, Any]) -> None:
    resolver, found = SectionResolver(), dict[str, Any]()
    for section in resolver.sections("helix", {"trainer.max_steps": 100} | values):
        found |= resolver.plain(section)
    assert cell_identity(found, CONTENT) == IDENTITY


def test_what_the_best_checkpoint_is_chosen_by_matters_if_it_is_evaluated(config: dict[str, Any]) -> None:
    assert cell_identity(config, CONTENT, evaluates_best=True) == IDENTITY
    changed = replaced(config, ("checkpoint", "mode"), "max")
    assert cell_identity(changed, CONTENT) == IDENTITY
    chosen = cell_identity(changed, CONTENT, evaluates_best=True)
    assert chosen != IDENTITY
    assert cell_identity(changed | {"assays": {}}, CONTENT, evaluates_best=True) != chosen


def data_entry(kind: str, **arguments: Any) -> dict[str, Any]:
    dataset = {"class_path": f"lr_lightning.data.{kind}", "init_args": arguments}
    return {"data": {"class_path": "lr_lightning.data.FactorDataModule", "init_args": {"dataset": dataset}}}


def test_the_path_of_a_data_set_does_not_matter_but_what_it_contains() -> None:
    public = {"name": "dsprites", "renderer_version": None}
    rendered = {"name": "rendered_dsprites", "renderer_version": 1}
    one, other = (
        data_entry("DSprites", path=path, storage=how) for path, how in (("a.h5", "cache"), ("b.npz", "memory"))
    )
    assert cell_identity(one, public) == cell_identity(other, public) != cell_identity(one, rendered)
    assert cell_identity(one, rendered) == cell_identity(data_entry("RenderedDSprites"), rendered)
    assert cell_identity(one, rendered) != cell_identity(one, rendered | {"renderer_version": 2})


def test_pictures_of_a_folder_are_identified_by_their_content(tmp_path: Path) -> None:
    from PIL import Image

    from lr_lightning.data import PictureFolder

    found = []
    for number, color in enumerate((10, 10, 20)):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in "ab":
            Image.new("RGB", (8, 8), (color, 0, 0)).save(folder / f"{name}.png")
        content = data_content(PictureFolder(folder, storage="memory"))
        found.append(cell_identity(data_entry("PictureFolder", path=str(folder)), content))
    assert found[0] != found[2]
    assert found[0] == found[1]


def test_other_data_of_a_known_class_are_identified_by_their_content(tmp_path: Path) -> None:
    from PIL import Image

    from lr_lightning.data import RenderedDSprites, ScreamDSprites, TorchvisionDataset

    contents = []
    for color in (10, 20):
        folder = tmp_path / str(color)
        (folder / "class").mkdir(parents=True)
        for name in "ab":
            Image.new("RGB", (70, 70), (color, 0, 0)).save(folder / "class" / f"{name}.png")
        contents.append(data_content(TorchvisionDataset("ImageFolder", folder, storage="memory")))
        contents.append(data_content(ScreamDSprites(folder / "class" / "a.png")))
    contents.append(data_content(RenderedDSprites()))
    assert len({str(content) for content in contents}) == 5
    assert contents[-1] == {"name": "rendered_dsprites", "renderer_version": 1}


def test_weights_are_identified_by_their_content(config: dict[str, Any]) -> None:
    for name, text in (("a.ckpt", "1"), ("b.ckpt", "1"), ("c.ckpt", "2")):
        Path(name).write_text(text)
    a, b, c = (cell_identity(config | {"initial_weights": name}, CONTENT) for name in ("a.ckpt", "b.ckpt", "c.ckpt"))
    assert a == b
    assert len({a, c, IDENTITY}) == 3


def test_differences_are_those_of_known_arguments(config: dict[str, Any]) -> None:
    old = copy.deepcopy(config)
    old["model"]["init_args"]["channels_last"] = False
    old["model"]["init_args"]["removed"] = 1
    del old["model"]["init_args"]["kl"]
    old["data"]["class_path"] = "lr_lightning.data.loading.datamodule.FactorDataModule"
    before, after = (training_values(each, defaults=True) for each in (old, config))
    assert list(differences(before, after)) == [("model.channels_last", False, True)]


def test_the_config_of_a_cell_has_its_identity(config: dict[str, Any]) -> None:
    assert cell_identity(yaml.safe_load(yaml.safe_dump(config)), CONTENT) == IDENTITY
