"""A run that is killed or stopped at any point and resumed has the same records as an uninterrupted one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers import Logger
from typing_extensions import override

from lr_lightning.callbacks import AssayCallback, AssayContext, AssayResult, Resumption, RunCheckpoint, RunRecord
from lr_lightning.models import BetaVAE, FactorVAE, SeedEnsemble
from lr_lightning.networks import MLP
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer
from tests.conftest import Bars
from tests.models.test_base import Recorder

pytestmark = [
    pytest.mark.filterwarnings("ignore:The number of training batches"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists"),
    pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`"),  # some starts have others
]


class Mean(AssayCallback):
    """Logs the mean of all codes."""

    name = "mean"

    @override
    def run(self, context: AssayContext) -> AssayResult:
        return AssayResult({"mean": context.table.codes.mean().item()})


class KilledError(Exception):
    """Ends a start of a run where no hook of the Trainer follows that could save anything."""


class Kill(Callback):
    """Ends training at the first ``hook`` with at least ``step`` steps done."""

    def __init__(self, hook: str, step: int) -> None:
        def kill(trainer: Trainer, *_: Any) -> None:
            if trainer.global_step >= step and not trainer.sanity_checking:
                raise KilledError

        setattr(self, hook, kill)


def factor_vae() -> FactorVAE:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return FactorVAE(MLP(3, (3, 8, 8), widths=(16,)), discriminator_widths=[8])


def in_lists() -> BetaVAE:
    model = tiny_model()
    model.updates_per_batch, model.automatic_optimization = 4, False
    return model


def seeds() -> SeedEnsemble:
    members = []
    for seed in (3, 4):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            members.append(BetaVAE(MLP(3, (3, 8, 8), widths=(16,))))
    return SeedEnsemble(members, [3, 4])


CASES: dict[str, tuple[Callable[[], LightningModule], dict[str, Any]]] = {
    "max_steps": (tiny_model, {"max_epochs": -1, "max_steps": 17}),
    "max_epochs": (tiny_model, {"max_epochs": 3}),
    "both": (tiny_model, {"max_epochs": 3, "max_steps": 50}),
    "val_check_interval": (tiny_model, {"max_epochs": 3, "val_check_interval": 4, "max_steps": 100}),
    "val_check_interval that divides the epoch": (tiny_model, {"max_epochs": 3, "val_check_interval": 3}),
    "validations in steps": (tiny_model, {"max_steps": 20, "val_check_interval": 8, "check_val_every_n_epoch": None}),
    "check_val_every_n_epoch": (tiny_model, {"max_epochs": 4, "check_val_every_n_epoch": 2}),
    "no validation": (tiny_model, {"max_steps": 15, "limit_val_batches": 0}),
    "part of each epoch": (tiny_model, {"max_steps": 15, "limit_train_batches": 5}),
    "accumulate_grad_batches": (tiny_model, {"max_epochs": 3, "accumulate_grad_batches": 4, "val_check_interval": 3}),
    "factor_vae": (factor_vae, {"max_steps": 16, "val_check_interval": 4}),
    "updates_per_batch": (in_lists, {"max_steps": 19}),
    "updates_per_batch and val_check_interval": (in_lists, {"max_epochs": 3, "val_check_interval": 1}),
    "seeds": (seeds, {"max_epochs": 3, "max_steps": 17}),
}
KILLS = [
    ("on_train_batch_start", 2),  # before there is a checkpoint
    ("on_train_batch_start", 6),
    ("on_validation_start", 8),
    ("on_validation_end", 9),
    ("on_train_epoch_end", 10),
    ("on_save_checkpoint", 13),
]
"""Where the starts of a run end; epochs have six batches."""


def start(
    folder: Path, case: str, *callbacks: Callback, resume: Path | None = None, period: int = 2, **options: Any
) -> tuple[Trainer, list[tuple[int | None, dict[str, float]]]]:
    """Train from the beginning, or from a checkpoint; return the Trainer and the rows that were logged."""
    make, case_options = CASES[case]
    recorder: Logger = Recorder()
    assays = [] if case == "seeds" else [Mean(period)]
    saved = [RunCheckpoint(folder, "best", "val/loss"), RunCheckpoint(folder, "last")]
    trainer = tiny_trainer(
        folder,
        Resumption(),
        *assays,
        RunRecord(),
        *callbacks,
        *saved,
        logger=recorder,
        enable_checkpointing=True,
        **(case_options | options),
    )
    try:
        data = tiny_data(Bars(), batches_per_epoch=6, val_size=12)
        trainer.fit(make(), datamodule=data, ckpt_path=resume, weights_only=True)
    except KilledError:
        pass
    return trainer, recorder.rows  # type: ignore[attr-defined]


def chain(folder: Path, case: str, starts: list[tuple[list[Callback], dict[str, Any]]]) -> Any:
    """Train in several starts, each with callbacks and options of its own; return the last Trainer and all rows."""
    rows: list[tuple[int | None, dict[str, float]]] = []
    last = folder / "last.ckpt"
    for callbacks, options in starts:
        resume = last if last.is_file() else None
        step = torch.load(last, weights_only=True)["global_step"] if resume else 0
        trainer, new = start(folder, case, *callbacks, resume=resume, **options)
        rows = [row for row in rows if (row[0] or 0) < step] + new  # as the CSV file keeps them
    return trainer, rows


def timeless(state: Any) -> Any:
    """Return ``state`` without times and with comparable tensors."""
    if isinstance(state, dict):
        return {key: timeless(value) for key, value in state.items() if "seconds" not in str(key)}
    if isinstance(state, list | tuple):
        return [timeless(value) for value in state]
    return state.tolist() if isinstance(state, torch.Tensor) else state


def assert_same_run(folders: tuple[Path, Path], runs: tuple[Any, Any]) -> None:
    (whole, whole_rows), (trainer, rows) = runs
    assert timeless(rows) == timeless(whole_rows)
    assert trainer.global_step == whole.global_step
    assert trainer.current_epoch == whole.current_epoch
    names = [{path.name for path in folder.glob("*.ckpt")} for folder in folders]
    assert names[0] == names[1] >= {"last.ckpt"}
    for name in names[0]:
        first, second = (torch.load(folder / name, weights_only=True) for folder in folders)
        for key in first.keys() | second.keys():
            assert timeless(first[key]) == timeless(second[key]), f"{key} of {name}"


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_any_chain_of_kills_and_stops_equals_one_start(case: str, tmp_path: Path) -> None:
    whole = start(tmp_path / "whole", case)
    kills: list[tuple[list[Callback], dict[str, Any]]] = [([Kill(*kill)], {}) for kill in KILLS]
    killed = chain(tmp_path / "killed", case, [*kills, ([], {})])
    assert_same_run((tmp_path / "whole", tmp_path / "killed"), (whole, killed))
    if case == "accumulate_grad_batches":
        return  # gradients between two updates are lost where a run is stopped
    # assays run at the last validation of each start, so that only those at every validation run as often
    whole = start(tmp_path / "again", case, period=1)
    limit, stops = ("max_epochs", [1, 2]) if case == "max_epochs" else ("max_steps", [5, 6, 9, 12])
    options: list[dict[str, Any]] = [{limit: stop, "period": 1} for stop in stops]
    stopped = chain(tmp_path / "stopped", case, [*(([], option) for option in options), ([], {"period": 1})])
    assert_same_run((tmp_path / "again", tmp_path / "stopped"), (whole, stopped))


@pytest.mark.parametrize("case", ["max_steps", "val_check_interval that divides the epoch", "check_val_every_n_epoch"])
def test_checkpoints_of_other_callbacks_are_resumed_as_exactly(case: str, tmp_path: Path) -> None:
    """One saved after a batch comes before the validation that may be due."""
    every = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=1, save_top_k=-1)
    whole = start(tmp_path / "whole", case, every)
    for step in (2, 3, 6, 12):  # away from validations, before one, at the end of an epoch and after one
        folder = tmp_path / f"from {step}"
        resumed = start(folder, case, resume=tmp_path / f"step={step}.ckpt")
        rows = [row for row in whole[1] if (row[0] or 0) >= step or ("val/loss" in row[1] and row[0] == step - 1)]
        assert timeless(resumed[1]) == timeless(rows)
        last = [torch.load(path / "last.ckpt", weights_only=True)["loops"] for path in (tmp_path / "whole", folder)]
        assert last[0] == last[1]


def test_a_run_that_was_stopped_early_stays_so(tmp_path: Path) -> None:
    def stopping() -> EarlyStopping:
        return EarlyStopping("val/loss", min_delta=1000.0, patience=2)

    whole = start(tmp_path / "whole", "max_epochs", stopping(), max_epochs=9)
    assert whole[0].global_step == 18
    kills: list[tuple[list[Callback], dict[str, Any]]] = [
        ([stopping(), Kill(hook, step)], {"max_epochs": 9})
        for hook, step in (("on_train_batch_end", 14), ("on_train_end", 18))
    ]
    killed = chain(tmp_path / "killed", "max_epochs", [*kills, ([stopping()], {"max_epochs": 9})])
    assert_same_run((tmp_path / "whole", tmp_path / "killed"), (whole, killed))
