"""Seeds that are trained together leave the run folders that they would leave alone."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import wandb
import yaml

from lr_lightning.commands.fit.members import Member, fit_members, setting_for_one_run
from lr_lightning.commands.messages import UsageError
from lr_lightning.commands.run.folder import RunFolder
from lr_lightning.commands.run.lease import FolderInUseError
from tests.commands.fit.test_training import HELIX, run
from tests.run_folders import differences

pytestmark = [
    pytest.mark.filterwarnings("ignore:.* undefined"),  # models of a few steps
    pytest.mark.filterwarnings("ignore:seed 4 ended"),
]
WANDB_OFF = ["--wandb.mode=disabled"]
QUICK = [*HELIX, *WANDB_OFF, "--assays.reconstruction=null", "--assays.response_matrix=null"]
SCHEDULED = [
    "--model.lr_scheduler=lr_lightning.models.ScheduledLearningRate",
    "--model.lr_scheduler.schedule={class_path: LinearSchedule, init_args: {start: 1, end: 0.1, num_steps: 9}}",
]
FACTOR = ["--model=FactorVAE", "--model.network=MLP", "--model.network.latent_dim=2", "--model.network.widths=[8]"]
FACTOR += ["--model.network.observation_shape=[3]", "--model.likelihood=Gaussian", "--model.discriminator_widths=[8]"]


@pytest.fixture(autouse=True)
def _finish_wandb() -> Iterator[None]:
    """End the W&B runs of failed commands, which later tests would join."""
    yield
    wandb.finish()


@contextmanager
def held(*seeds: int) -> Iterator[dict[int, RunFolder]]:
    folders = {seed: RunFolder(Path(f"runs/{seed}")) for seed in seeds}
    try:
        yield folders
    finally:
        for folder in folders.values():
            folder.leave()


def together(
    *seeds: int, options: Sequence[str], values: Mapping[int, Mapping[str, Any]] | None = None
) -> dict[int, str]:
    """Train seeds of one config together; return why some diverged, by seed."""
    values = values or {}
    with held(*seeds) as folders:
        members = {f"seed_{s}": Member(tuple(options), s, folders[s], values.get(s, {})) for s in seeds}
        return {members[name].seed: why for name, why in fit_members(members).items()}


def alone(seed: int, *options: str, folder: str = "runs/alone") -> Path:
    """Train a seed alone, and return its folder."""
    wandb.finish()  # the one of a run that failed
    assert run("fit", *options, f"--seed_everything={seed}", f"--trainer.default_root_dir={folder}") == 0
    return Path(folder)


def resume(folder: str, *options: str) -> None:
    assert run("fit", folder, *options) == 0


@pytest.mark.parametrize(
    "options", [QUICK, [*QUICK, *SCHEDULED, "--checkpoint.monitor=val/kl"], [*QUICK, *FACTOR]], ids=["", "lr", "gan"]
)
def test_each_seed_leaves_the_folder_of_a_run_alone(options: list[str]) -> None:
    assert together(3, 4, options=options) == {}
    assert differences(alone(4, *options), Path("runs/4")) == []
    assert "checkpoints/last.ckpt.noise_seed: 3 and 4" in differences(Path("runs/3"), Path("runs/4"))


WEAK, STRONG = ("--model.beta=0.5",), ("--model.beta=4", "--model.optimizer.init_args.lr=0.003")
CELLS: dict[str, tuple[tuple[str, ...], int]] = {
    "weak_seed_3": (WEAK, 3),
    "strong_seed_3": (STRONG, 3),
    "strong_seed_4": (STRONG, 4),
}
ADAM = ["--model.optimizer=torch.optim.Adam"]


def packed(options: Sequence[str], cells: Mapping[str, tuple[tuple[str, ...], int]] = CELLS) -> dict[str, str]:
    """Train runs of several configs together, each in a folder of its name."""
    folders = {name: RunFolder(Path("runs", name)) for name in cells}
    try:
        return fit_members({name: Member((*options, *own), seed, folders[name]) for name, (own, seed) in cells.items()})
    finally:
        for folder in folders.values():
            folder.leave()


@pytest.mark.parametrize("more", [[], [*SCHEDULED, "--checkpoint.monitor=val/kl"]], ids=["", "lr"])
def test_runs_of_several_configs_leave_the_folders_of_runs_alone(more: list[str]) -> None:
    options = [*QUICK, *ADAM, *more]
    assert packed(options) == {}
    for name, (own, seed) in CELLS.items():
        assert differences(alone(seed, *options, *own, folder=f"runs/alone_{name}"), Path("runs", name)) == []
    assert yaml.safe_load(Path("runs/weak_seed_3/config.yaml").read_text())["model"]["init_args"]["beta"] == 0.5
    different = differences(Path("runs/weak_seed_3"), Path("runs/strong_seed_3"))
    assert any(each.startswith("checkpoints/last.ckpt.state_dict") for each in different)


def test_runs_of_several_configs_continue_together_and_alone() -> None:
    options = [*QUICK, *ADAM]
    packed([*options, "--trainer.max_steps=6"])
    shutil.copytree("runs/strong_seed_3", "runs/copy")
    assert packed(options) == {}
    resume("runs/copy", "--trainer.max_steps=-1")
    alone(3, *options, *STRONG, "--trainer.max_steps=6", folder="runs/half")
    resume("runs/half", "--trainer.max_steps=-1")
    for folder in ("runs/strong_seed_3", "runs/copy"):
        assert differences(Path("runs/half"), Path(folder)) == []


@pytest.mark.filterwarnings("ignore:strong seed 4 ended")
def test_a_run_that_diverges_ends_alone_among_several_configs() -> None:
    options = [*QUICK, "--model=tests.commands.fit.diverging.DivergingVAE", *ADAM]
    ends = packed(options)
    assert list(ends) == ["strong_seed_4"]
    assert differences(alone(3, *options, *STRONG), Path("runs/strong_seed_3")) == []
    assert not Path("runs/strong_seed_4/results.json").exists()


@pytest.mark.parametrize(
    ("options", "other", "message"),
    [
        (QUICK, "--model.network.latent_dim=5", r"model\.network\.latent_dim, which is \d and 5"),
        (QUICK, "--data.batch_size=7", r"data\.batch_size, which is \d+ and 7"),
        (QUICK, "--trainer.max_steps=3", r"trainer\.max_steps"),
        (QUICK, "--model.updates_per_batch=2", r"model\.updates_per_batch, which is 1 and 2"),
        (QUICK, "--model=VAE", r"model"),
        ([*QUICK, *FACTOR], "--model.discriminator_widths=[9]", r"a and b.*their weights, .*8.*9"),
    ],
)
def test_rejects_configs_that_cannot_be_trained_together(options: list[str], other: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        packed(options, {"a": ((), 3), "b": ((other,), 3)})
    assert not Path("runs/b/config.yaml").exists()


def test_all_start_from_initial_weights() -> None:
    alone(7, *QUICK, *ADAM, "--trainer.max_steps=3", folder="runs/first")
    options = [*QUICK, *ADAM, "--initial_weights=runs/first/checkpoints/last.ckpt"]
    packed(options)
    assert differences(alone(3, *options, *WEAK), Path("runs/weak_seed_3")) == []


def test_seeds_continue_together_and_alone() -> None:
    whole = alone(4, *QUICK)
    together(3, 4, options=[*QUICK, "--trainer.max_steps=6"])  # inside an epoch
    shutil.copytree("runs/4", "runs/copy")
    assert together(3, 4, options=QUICK) == {}
    resume("runs/copy", "--trainer.max_steps=-1")
    alone(4, *QUICK, "--trainer.max_steps=6", folder="runs/half")
    resume("runs/half", "--trainer.max_steps=-1")
    for folder in ("runs/4", "runs/copy"):
        assert differences(Path("runs/half"), Path(folder)) == []
    weights = [
        torch.load(f / "checkpoints/last.ckpt", weights_only=True)["state_dict"] for f in (whole, Path("runs/4"))
    ]
    assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())


def test_a_seed_trained_together_is_tested() -> None:
    together(3, 4, options=QUICK)
    alone(4, *QUICK)
    scores = "--assays={disentanglement: {class_path: DisentanglementAssay, init_args: {metrics: [mig]}}}"
    for folder in ("runs/4", "runs/alone"):
        assert run("test", folder, "--trainer.logger=false", scores, "--assays.disentanglement.final_metrics=[]") == 0
    assert differences(Path("runs/alone"), Path("runs/4")) == []


def test_a_seed_that_diverges_ends_alone(capsys: pytest.CaptureFixture[str]) -> None:
    options = [*QUICK, "--model=tests.commands.fit.diverging.DivergingVAE"]
    ends = together(3, 4, 5, options=options)
    assert list(ends) == [4]
    assert run("fit", *options, "--seed_everything=4", "--trainer.default_root_dir=runs/alone") == 1
    assert ends[4] in capsys.readouterr().err
    assert differences(Path("runs/alone"), Path("runs/4")) == []
    assert differences(alone(5, *options, folder="runs/five"), Path("runs/5")) == []
    # from its last checkpoint, alone or with another that is there, it diverges again at the same step
    assert run("fit", "runs/4") == 1
    assert ends[4] in capsys.readouterr().err


def test_all_seeds_may_diverge() -> None:
    ends = together(4, options=[*QUICK, "--model=tests.commands.fit.diverging.DivergingVAE"])
    assert list(ends) == [4]


def test_values_of_one_seed_stand_in_its_config() -> None:
    together(3, 4, options=[*QUICK, "--trainer.max_steps=2"], values={4: {"wandb.name": "four"}})
    assert "name: four" in Path("runs/4/config.yaml").read_text()
    assert "name: four" not in Path("runs/3/config.yaml").read_text()


def test_a_changed_config_is_refused_before_anything_is_written() -> None:
    together(3, 4, options=[*QUICK, "--trainer.max_steps=2"])
    before = Path("runs/3/config.yaml").read_text()
    with pytest.raises(UsageError, match=r"model\.beta"):
        together(3, 4, options=[*QUICK, "--model.beta=2"])
    assert Path("runs/3/config.yaml").read_text() == before


def test_a_folder_in_use_is_refused() -> None:
    with held(4), pytest.raises(FolderInUseError):
        together(4, options=QUICK)


@pytest.mark.parametrize(
    "setting",
    [
        {"callbacks": [{"class_path": "EarlyStopping"}]},
        {"gradient_clip_val": 1.0},
        {"accumulate_grad_batches": 2},
        {"max_time": "00:01:00:00"},
        {"logger": {"class_path": "TensorBoardLogger"}},
    ],
)
def test_what_works_on_one_run_at_a_time(setting: Mapping[str, Any]) -> None:
    ordinary: dict[str, Any] = {
        "callbacks": None,
        "gradient_clip_val": None,
        "accumulate_grad_batches": 1,
        "max_time": None,
    }
    assert setting_for_one_run(ordinary | {"logger": None}) is None
    [name] = setting
    assert setting_for_one_run({**ordinary, **setting}) == name
