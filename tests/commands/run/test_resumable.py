"""Resuming from an incomplete checkpoint is rejected with a one-line error; weights suffice for evaluation."""

import copy
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lr_lightning.cli import main
from lr_lightning.commands.run.resumable import check_resumable
from lr_lightning.data import DoubleHelix, FactorDataModule
from lr_lightning.losses import Gaussian
from lr_lightning.models import BetaVAE, SeedEnsemble
from lr_lightning.networks import MLP
from lr_lightning.testing.tiny_runs import tiny_trainer

RUNS = Path(__file__).parents[2] / "fixtures" / "runs"
QUIET = [
    "--trainer.enable_progress_bar=false",
    "--trainer.enable_model_summary=false",
    "--trainer.logger=false",
    "--assays=null",
]
Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    checkpoint: dict[str, Any] = torch.load(RUNS / "beta_vae" / "checkpoints" / "last.ckpt", weights_only=True)
    return checkpoint


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, Any]], None]:
    """Return the check of a checkpoint of the old run, with the file's name for ``a.ckpt``."""
    path = RUNS / "beta_vae" / "checkpoints" / "last.ckpt"
    model = BetaVAE.load_from_checkpoint(path, map_location="cpu", weights_only=True)
    trainer, data = tiny_trainer(tmp_path_factory.mktemp("run")), FactorDataModule(DoubleHelix(128), val_size=16)
    return lambda checkpoint: check_resumable(Path("a.ckpt"), checkpoint, trainer, model, data)


def put(*place: Any, value: Any) -> Change:
    """Return what sets an entry of a nested checkpoint."""

    def change(checkpoint: dict[str, Any]) -> None:
        for key in place[:-1]:
            checkpoint = checkpoint[key]
        checkpoint[place[-1]] = value

    return change


CHANGES: list[tuple[str, Change]] = [
    *((key, lambda c, key=key: c.pop(key)) for key in ("noise_seed", "loops", "callbacks", "optimizer_states")),
    *((key, lambda c, key=key: c.pop(key)) for key in ("lr_schedulers", "random_state", "FactorDataModule", "epoch")),
    *((key, put(key, value=None)) for key in ("noise_seed", "loops", "callbacks", "optimizer_states", "random_state")),
    ("epoch", put("epoch", value=-1)),
    ("epoch", put("epoch", value=1.5)),
    ("random_state.cpu", put("random_state", "cpu", value=torch.zeros(5, dtype=torch.uint8))),
    ("random_state.cuda", put("random_state", "cuda", value=[1])),
    ("position", put("FactorDataModule", value={})),
    ("position", put("FactorDataModule", "position", value=None)),
    ("loops.fit_loop", put("loops", value={})),
    ("epoch_progress", lambda c: c["loops"]["fit_loop"].pop("epoch_progress")),
    ("completed", lambda c: c["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"].pop("completed")),
    ("ready", put("loops", "fit_loop", "epoch_progress", "current", "ready", value=-3)),
    ("optimizer_states", put("optimizer_states", value=[])),
    ("exp_avg", put("optimizer_states", 0, "state", value={})),
    ("exp_avg_sq", put("optimizer_states", 0, "state", 2, "exp_avg_sq", value=torch.zeros(1))),
    ("exp_avg", put("optimizer_states", 0, "state", 2, "exp_avg", value=torch.zeros(3, 3))),
    ("step", put("optimizer_states", 0, "state", 2, "step", value=None)),
    ("exp_avg", lambda c: c["optimizer_states"][0]["state"][2].pop("exp_avg")),
    ("99", put("optimizer_states", 0, "state", 99, value={})),
    ("lr", put("optimizer_states", 0, "param_groups", 0, "lr", value="fast")),
    ("lr", put("optimizer_states", 0, "param_groups", 0, "lr", value=None)),
    ("betas", put("optimizer_states", 0, "param_groups", 0, "betas", value=[])),
    ("params", put("optimizer_states", 0, "param_groups", 0, "params", value=None)),
    ("params", put("optimizer_states", 0, "param_groups", 0, "params", 0, value=torch.zeros(5))),
    ("param_groups", put("optimizer_states", 0, "param_groups", 0, "params", value=[0])),
    ("param_groups", put("optimizer_states", 0, "param_groups", value=[])),
    ("lr_schedulers", put("lr_schedulers", value=[{}])),
]


def test_a_whole_checkpoint_can_be_resumed(whole: dict[str, Any], check: Callable[[dict[str, Any]], None]) -> None:
    check(whole)


@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_what_is_missing_or_wrong_is_named(
    name: str, change: Change, whole: dict[str, Any], check: Callable[[dict[str, Any]], None]
) -> None:
    checkpoint = copy.deepcopy(whole)
    change(checkpoint)
    with pytest.raises(ValueError, match=rf"a\.ckpt .*\b{name}") as caught:
        check(checkpoint)
    assert "\n" not in str(caught.value)


def test_a_parameter_without_state_is_mentioned(whole: dict[str, Any], check: Callable[[dict[str, Any]], None]) -> None:
    checkpoint = copy.deepcopy(whole)
    del checkpoint["optimizer_states"][0]["state"][3]
    with pytest.warns(UserWarning, match=r"a\.ckpt.*\b1 of 8\b.*\b3\b"):
        check(checkpoint)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda parameters: torch.optim.SGD(parameters, lr=0.1),
        lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
        lambda parameters: torch.optim.AdamW(parameters, fused=True),
        lambda parameters: torch.optim.RMSprop(parameters, centered=True),
    ],
)
def test_every_optimizer_finds_its_own_state_again(optimizer: Any, tmp_path: Path) -> None:
    """The check creates optimizers, and must not change a weight."""
    data = FactorDataModule(DoubleHelix(64), batch_size=8, val_size=8)
    models = [BetaVAE(MLP(2, (3,), widths=(4,)), likelihood=Gaussian(), optimizer=optimizer) for _ in range(2)]
    for model in (models[0], SeedEnsemble(models, [3, 4])):
        trainer = tiny_trainer(tmp_path, max_epochs=-1, max_steps=2, limit_val_batches=0)
        trainer.fit(model, datamodule=data)
        trainer.save_checkpoint(tmp_path / "a.ckpt")
        checkpoint = torch.load(tmp_path / "a.ckpt", weights_only=True)
        before = copy.deepcopy(model.state_dict())
        check_resumable(tmp_path / "a.ckpt", checkpoint, tiny_trainer(tmp_path), model, data)
        assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
        key = "members" if "members" in checkpoint else "noise_seed"
        del checkpoint[key]
        with pytest.raises(ValueError, match=rf"a\.ckpt.*{key}"):
            check_resumable(tmp_path / "a.ckpt", checkpoint, tiny_trainer(tmp_path), model, data)


def run(*arguments: str) -> int | str | None:
    """Return the exit code of the command line on ``arguments``."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    return stopped.value.code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of an old run."""
    return shutil.copytree(RUNS / "beta_vae", tmp_path / "runs" / "beta_vae")


def test_weights_are_enough_to_evaluate_but_not_to_train_on(
    folder: Path, whole: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "checkpoints" / "weights.ckpt"
    torch.save({key: whole[key] for key in ("state_dict", "global_step")}, path)
    recorded = json.loads((folder / "results.json").read_text())["fit"]["scalars"]
    assert run("validate", str(path), *QUIET) == 0
    found = json.loads((folder / "results.json").read_text())["validate"]
    assert found["scalars"]["val/kl"] == pytest.approx(recorded["val/kl"], rel=1e-5)
    assert found["step"] == whole["global_step"]
    assert run("fit", str(path), "--trainer.max_epochs=4", *QUIET) != 0
    assert str(path) in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:The dirpath has changed")
def test_what_the_trainer_cannot_restore_is_one_sentence(
    folder: Path, whole: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "checkpoints" / "last.ckpt"
    torch.save(whole | {"callbacks": whole["callbacks"] | {"RunRecord": 5}}, path)
    assert run("fit", str(folder), "--trainer.max_epochs=4", *QUIET) != 0
    assert re.search(rf"{path}.*TypeError", capsys.readouterr().err)
