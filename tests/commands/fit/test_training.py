"""The command line end to end, on short runs."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import wandb
import yaml
from PIL import Image
from pytorch_lightning.plugins import TorchCheckpointIO

from lr_lightning.cli import main
from lr_lightning.commands.fit.training import RunCLI, prepare
from lr_lightning.configs import CONFIG_FOLDER
from lr_lightning.loggers import RunWandbLogger
from tests.arrays import read_arrays
from tests.logged_rows import logged_rows
from tests.run_folders import differences
from tests.wandb_history import history, parts

TINY = ["--trainer.max_epochs=2", "--data.batches_per_epoch=4", "--trainer.log_every_n_steps=2"]
QUIET = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false", "--trainer.accelerator=cpu"]
HELIX = [f"--config={CONFIG_FOLDER / 'helix.yaml'}", "--data.dataset.num_samples=1152", *TINY, *QUIET]

pytestmark = [
    pytest.mark.filterwarnings("ignore:independence is undefined"),  # models of a few steps
    pytest.mark.filterwarnings("ignore:score undefined"),
]


@pytest.fixture(autouse=True)
def _finish_wandb() -> Iterator[None]:
    yield
    wandb.finish()


def run(*arguments: str) -> int:
    """Return the exit code of the command line on ``arguments``."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def wandb_history(folder: Path) -> dict[str, Any]:
    """Return the last value of every key in the last offline part of the run in ``folder``."""
    return {key: value for row in history(parts(folder)[-1]) for key, value in row.items()}


def test_fit_leaves_a_complete_run_folder(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # as importing Lightning sets it
    assert run("fit", *HELIX) == 0
    assert torch.cuda.device_count() or "PYTORCH_NVML_BASED_CUDA_CHECK" not in os.environ
    folder = Path("runs/helix")
    results = json.loads((folder / "results.json").read_text())["fit"]
    scalars = {key: value for key, value in results["scalars"].items() if value is not None}  # None: undefined
    assert results["seed"] == 0
    assert torch.__version__.startswith(results["versions"]["torch"])
    assert results["data"]["name"] == "double_helix"
    assert len(results["data"]["sha256_of_64"]) == 64
    assert results["step"] == 8
    saved = yaml.safe_load((folder / "config.yaml").read_text())
    assert results["config"]["model"] == saved["model"]
    assert saved["wandb"]["run_id"] is saved["ckpt_path"] is None  # a repeated config is a separate run

    rows = logged_rows(folder)
    assert [int(row["step"]) for row in rows if "train/loss" in row] == [1, 3, 5, 7]
    last = next(row for row in reversed(rows) if "val/loss" in row)
    assert {key: float(last[key]) for key in scalars} == pytest.approx(scalars)

    for name in ("best", "last"):
        checkpoint = torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)
        assert checkpoint["global_step"] == 8
    matrix = read_arrays(folder / "assays" / "response_matrix-step000008.npz")["matrix"]
    assert matrix.shape == (2, 2)
    for path in (folder / "figures").glob("*.png"):
        with Image.open(path) as picture:
            picture.verify()

    printed = capsys.readouterr().out
    assert f"{scalars['val/reconstruction']:.2f} nats" in printed
    assert f"wandb sync {folder.absolute()}/wandb/offline-run" in printed
    assert "Traceback" not in printed


def test_checkpoints_do_not_pass_through_the_folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(TorchCheckpointIO, "save_checkpoint", refuse)
    Path("runs/helix/figures").mkdir(parents=True)
    Path("runs/helix/figures/.a.png.x.unfinished").touch()
    assert run("fit", *HELIX, "--trainer.logger=false", "--assays={}") == 0
    assert {path.name for path in Path("runs/helix/checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert not list(Path("runs/helix").rglob("*.unfinished"))  # that of a killed process is gone


def test_wandb_holds_the_numbers_of_results_json_and_the_media() -> None:
    assert run("fit", *HELIX) == 0
    wandb.teardown()  # its service writes the last rows when it ends
    history = wandb_history(Path("runs/helix"))
    found = json.loads(Path("runs/helix/results.json").read_text())["fit"]["scalars"]
    scalars = {key: value for key, value in found.items() if value is not None}
    assert len(scalars) > 10
    assert {key: history[key] for key in scalars} == pytest.approx(scalars)
    assert history["assay/response_matrix/matrix._type"] == "image-file"
    assert history["assay/response_matrix/table.ncols"] == 3
    assert history["trainer/global_step"] == 7


def test_a_second_run_gets_a_folder_of_its_own() -> None:
    assert run("fit", *HELIX, "--trainer.logger=false") == 0
    first = Path("runs/helix/results.json").read_bytes()
    assert run("fit", *HELIX, "--trainer.logger=false") == 0
    assert Path("runs/helix-1/results.json").is_file()
    assert Path("runs/helix/results.json").read_bytes() == first


def test_a_second_run_says_so_and_how_to_continue_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    options = [*HELIX, "--trainer.logger=false", "--assays={}"]

    def notes(*arguments: str) -> list[str]:
        capsys.readouterr()
        assert run(*arguments) == 0
        return [line for line in capsys.readouterr().err.splitlines() if line.startswith("lr-lightning fit: ")]

    assert notes("fit", *options) == []
    [note] = notes("fit", *options)
    assert "runs/helix has a run already, which ended at step 8; this one goes to runs/helix-1; " in note
    assert note.endswith("lr-lightning fit runs/helix --trainer.max_epochs N")
    # the command of the note; then the same folder by its name, although another run is newer; then the newest
    assert notes("fit", "runs/helix", "--trainer.max_epochs=3") == ["lr-lightning fit: continuing runs/helix at step 8"]
    os.utime("runs/helix/checkpoints/last.ckpt", (0, 0))
    more, last = "--trainer.max_epochs=4", "--ckpt_path=last"
    [note] = notes("fit", *options, "--trainer.default_root_dir=runs/helix", last, more)
    assert note.startswith("lr-lightning fit: continuing runs/helix at step 12, in the folder that was named; ")
    os.utime("runs/helix/checkpoints/last.ckpt", (0, 0))
    [note] = notes("fit", *options, last, more)
    assert note.startswith("lr-lightning fit: continuing runs/helix-1 at step 8, the newest of 2 runs; ")


def test_a_resumed_run_leaves_the_records_of_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [*HELIX, "--trainer.logger=false", "--assays={}", "--trainer.default_root_dir=runs/a"]
    for name, epochs in (("whole", 2), ("half", 1)):
        Path(name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert run("fit", *options, f"--trainer.max_epochs={epochs}") == 0
        monkeypatch.chdir(tmp_path)
    whole = tmp_path / "whole" / "runs" / "a"
    here, end, last = tmp_path / "resumed" / "runs" / "a", "--trainer.max_epochs=2", "--ckpt_path=last"
    for folder, command in (
        (tmp_path / "resumed", ["runs/a", end]),
        (tmp_path, ["resumed/runs/a", end]),
        (tmp_path / "resumed", [*options, last]),
        (tmp_path, [*options, f"--trainer.default_root_dir={here}", last]),
        (tmp_path / "resumed", [*options, "--ckpt_path=runs/a/checkpoints/last.ckpt"]),
    ):
        shutil.copytree("half", "resumed")
        monkeypatch.chdir(folder)
        assert run("fit", *command) == 0
        assert (here / "config.yaml").read_bytes() == (whole / "config.yaml").read_bytes()
        first, second = (json.loads((run_ / "results.json").read_text())["fit"] for run_ in (whole, here))
        assert second["config"] == first["config"]
        assert not differences(whole, here)
        monkeypatch.chdir(tmp_path)
        shutil.rmtree("resumed")


def test_an_evaluation_records_the_folder_as_training_does(tmp_path: Path) -> None:
    assert run("fit", *HELIX, "--trainer.logger=false", "--assays={}") == 0
    few = ["--trainer.logger=false", "--assays.disentanglement=null"]
    assert run("validate", str(tmp_path / "runs" / "helix"), *few) == 0
    results = json.loads(Path("runs/helix/results.json").read_text())
    assert [results[stage]["config"]["trainer"]["default_root_dir"] for stage in ("fit", "validate")] == 2 * [
        "runs/helix"
    ]


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("--trainer.max_steps=3", r"step 8\b.*--trainer.max_steps 3; .*above 8 .*fit runs/helix$"),
        ("--trainer.max_epochs=1", r"step 8\b.*--trainer.max_epochs 1 \(the run had max_epochs 2\).*above 2"),
    ],
)
def test_a_limit_below_the_checkpoint_is_refused_before_anything_is_written(
    limit: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("fit", *HELIX, "--trainer.logger=false", "--assays={}") == 0
    before = {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}
    assert run("fit", "runs/helix", limit) == 2
    assert re.search(words, capsys.readouterr().err.strip())
    assert {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()} == before


@pytest.mark.filterwarnings("ignore:.* undefined")  # one factor only
def test_test_adds_its_results_and_repeats_itself() -> None:
    assert run("fit", *HELIX) == 0
    wandb.finish()
    config = Path("runs/helix/config.yaml").read_bytes()
    assert run("test", "runs/helix") == 0
    results = json.loads(Path("runs/helix/results.json").read_text())
    assert {"fit", "test"} <= results.keys()
    wandb.finish()
    spelled_out = ["--config=runs/helix/config.yaml", "--ckpt_path=runs/helix/checkpoints/best.ckpt"]
    assert run("test", *spelled_out) == 0
    again = json.loads(Path("runs/helix/results.json").read_text())

    def timeless(entry: dict[str, Any]) -> dict[str, float]:
        return {key: value for key, value in entry["scalars"].items() if not key.endswith("/seconds")}

    assert timeless(again["test"]) == timeless(results["test"])
    assert again["fit"] == results["fit"]
    assert again["test"]["step"] == 8
    assert logged_rows(Path("runs/helix"))[-1]["step"] == "7"  # the last training step of the checkpoint
    assert Path("runs/helix/config.yaml").read_bytes() == config


@pytest.mark.parametrize(
    ("logger", "pattern"),
    [
        (["--trainer.logger=CSVLogger", "--trainer.logger.save_dir=logs"], "logs/lightning_logs/version_0/metrics.csv"),
        (["--trainer.logger=TensorBoardLogger", "--trainer.logger.save_dir=logs"], "logs/**/events.out.tfevents.*"),
    ],
)
def test_loggers_can_be_swapped(logger: list[str], pattern: str) -> None:
    assert run("fit", *HELIX, *logger) == 0
    assert list(Path().glob(pattern))
    assert not Path("runs/helix/wandb").exists()


def test_assays_have_names_and_can_be_changed_dropped_and_added() -> None:
    added = ["--assays.from_prior=ResponseMatrixAssay", "--assays.from_prior.preset=release"]
    options = [
        "--trainer.logger=false",
        "--assays.response_matrix.num_samples=9",
        "--assays.reconstruction=null",
        *added,
    ]
    assert run("fit", *HELIX, *options) == 0
    scalars = json.loads(Path("runs/helix/results.json").read_text())["fit"]["scalars"]
    names = {key.split("/")[1] for key in scalars if key.startswith("assay/")}
    assert names == {"latent_statistics", "response_matrix", "from_prior"}
    arrays = read_arrays("runs/helix/assays/response_matrix-step000008.npz")
    assert len(arrays["base"]) == 9


def test_a_repeated_config_is_a_run_of_its_own() -> None:
    assert run("fit", *HELIX) == 0
    wandb.finish()
    assert run("fit", "--config=runs/helix/config.yaml") == 0
    wandb.finish()
    assert Path("runs/helix/wandb_run_id").read_text() != Path("runs/helix-1/wandb_run_id").read_text()
    first, second = (
        torch.load(f"runs/{name}/checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for name in ("helix", "helix-1")
    )
    assert all(torch.equal(value, second[key]) for key, value in first.items())


def test_a_run_id_of_ones_own_is_used_and_belongs_to_that_run_alone() -> None:
    assert run("fit", *HELIX, "--wandb.run_id=chosen") == 0
    assert list(Path("runs/helix").glob("wandb/offline-run-*/run-chosen.wandb"))
    assert yaml.safe_load(Path("runs/helix/config.yaml").read_text())["wandb"]["run_id"] is None


def test_the_variables_of_w_and_b_count_and_its_options_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_RUN_ID", "chosen")
    monkeypatch.setenv("WANDB_PROJECT", "of the environment")
    options = ["--wandb.group=a", "--wandb.notes=b", "--wandb.job_type=c"]
    command_line = prepare(["fit", *HELIX, "--assays=null", *options], RunCLI)
    try:
        [logger] = [logger for logger in command_line.trainer.loggers if isinstance(logger, RunWandbLogger)]
        handed = {key: logger._wandb_init[key] for key in ("id", "project", "group", "notes", "job_type")}
    finally:
        command_line._leave_folder()
    wanted = {"id": "chosen", "project": "of the environment", "group": "a", "notes": "b", "job_type": "c"}
    assert handed == wanted


def test_a_wandb_mode_that_there_is_not_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_MODE", "nonsense")
    assert run("fit", *HELIX) == 2
    assert "WANDB_MODE" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:The dirpath has changed")  # which is what is tested
def test_a_checkpoint_of_another_name_starts_a_folder_of_its_own() -> None:
    assert run("fit", *HELIX, "--trainer.logger=false") == 0
    before = Path("runs/helix/checkpoints/last.ckpt").read_bytes()
    branch = ["--trainer.default_root_dir=runs/branch", "--trainer.max_epochs=3"]
    checkpoint = "--ckpt_path=runs/helix/checkpoints/last.ckpt"
    assert run("fit", *HELIX, "--trainer.logger=false", checkpoint, *branch) == 0
    assert torch.load("runs/branch/checkpoints/last.ckpt", weights_only=True)["global_step"] == 12
    assert Path("runs/helix/checkpoints/last.ckpt").read_bytes() == before


def test_a_resumed_run_drops_the_rows_that_it_writes_again() -> None:
    assert run("fit", *HELIX) == 0
    wandb.finish()
    path = Path("runs/helix/metrics.csv")
    header, *_, last = path.read_text().splitlines()
    position = header.split(",").index("step")
    lost = [*last.split(",")[:position], "9", *last.split(",")[position + 1 :]]  # after the checkpoint, then killed
    path.write_text(path.read_text() + ",".join(lost) + "\n")
    assert run("fit", *HELIX, "--ckpt_path=last", "--trainer.max_epochs=3") == 0
    rows = logged_rows(path.parent)
    assert sum(row["step"] == "9" for row in rows) == 1  # the new one
    steps = [int(row["step"]) for row in rows if "train/loss" in row]
    assert steps == [1, 3, 5, 7, 9, 11]


def test_resuming_a_finished_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", *HELIX, "--trainer.logger=false") == 0
    weights = Path("runs/helix/checkpoints/last.ckpt").read_bytes()
    assert run("fit", *HELIX, "--trainer.logger=false", "--ckpt_path=last") == 0
    assert re.search(r"step 8\b.*--trainer.max_epochs", capsys.readouterr().out)
    assert Path("runs/helix/checkpoints/last.ckpt").read_bytes() == weights


def test_a_run_that_fails_before_its_first_step_leaves_nothing() -> None:
    floats = "[{class_path: ToDtype, init_args: {dtype: torch.float32}}]"
    options = ("--config=quickstart_unsupervised", *TINY, *QUIET, f"--data.augmentations={floats}")
    assert run("fit", *options) == 1
    assert wandb.run is None  # it would write to the folder when Python exits
    assert not Path("runs").exists()


def test_a_run_that_was_moved_is_resumed_where_it_is_now(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", *HELIX, "--trainer.logger=false") == 0
    Path("runs/helix").rename("moved")
    scored = torch.load("moved/checkpoints/best.ckpt", weights_only=True)["callbacks"]
    assert run("fit", "moved", "--trainer.max_epochs=3") == 0
    assert not Path("runs/helix").exists()
    last = torch.load("moved/checkpoints/last.ckpt", weights_only=True)
    assert last["global_step"] == 12
    key = "RunCheckpoint('best', 'val/loss', 'min')"
    assert last["callbacks"][key]["best_score"] <= scored[key]["best_score"]
    # Another place, and nothing left to train
    assert run("fit", "moved", "--trainer.default_root_dir=branch") == 0
    assert f"Files: {Path('branch').absolute()}" in capsys.readouterr().out
    assert json.loads(Path("branch/results.json").read_text())["fit"]["step"] == 12


def test_a_run_that_was_killed_before_its_results_gets_them(capsys: pytest.CaptureFixture[str]) -> None:
    options = [*HELIX, "--seeds=2", "--trainer.logger=false"]
    assert run("fit", *options) == 0
    results, seed = Path("runs/helix/results.json"), Path("runs/helix/checkpoints/seed_1.ckpt")
    expected, saved = json.loads(results.read_text())["fit"], torch.load(seed, weights_only=True)
    results.unlink()
    seed.unlink()
    capsys.readouterr()
    assert run("fit", *options, "--ckpt_path=last") == 0
    assert "after 8 steps" in " ".join(capsys.readouterr().out.split())
    found = json.loads(results.read_text())["fit"]
    assert len(found["scalars"]) > 10
    for key in found.keys() - {"seconds", "assay_seconds"}:
        assert found[key] == expected[key]
    again = torch.load(seed, weights_only=True)
    assert again.keys() == saved.keys()
    assert all(torch.equal(value, again["state_dict"][key]) for key, value in saved["state_dict"].items())
    assert torch.equal(again["random_state"]["cpu"], saved["random_state"]["cpu"])
    assert (again["epoch"], again["global_step"]) == (saved["epoch"], saved["global_step"]) == (2, 8)


def test_predict_writes_codes_and_factors(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", *HELIX, "--trainer.logger=false") == 0
    assert run("predict", "runs/helix") == 0
    arrays = read_arrays("runs/helix/codes.npz")
    assert arrays["codes"].shape == (1152, 2)
    assert arrays["factors"].shape == (1152, 1)
    assert arrays["log_variances"].shape == (1152, 2)
    assert re.search(r"1,152 .*\b2 latents.*runs/helix/codes.npz", capsys.readouterr().out)
    assert run("predict", "runs/helix", "--codes", "sample", "--sample_seed", "5") == 0
    samples = read_arrays("runs/helix/codes.npz")
    assert samples["sample_seed"] == 5
    noise = (samples["codes"] - arrays["codes"]) / np.exp(arrays["log_variances"] / 2)
    assert noise.std() == pytest.approx(1, abs=5 / 4608**0.5)  # of 2,304 values: standard error 1 / sqrt(2 n)
    for name, value in (("codes", "modes"), ("sample_seed", "-1")):
        assert run("predict", "runs/helix", f"--{name}={value}") == 2
        assert re.search(rf"{name}.*{value}", capsys.readouterr().err, re.DOTALL)


@pytest.mark.filterwarnings("ignore:.*could not find the monitored key")  # nothing to monitor
@pytest.mark.parametrize("options", [["--trainer.max_steps=2"], ["--trainer.limit_val_batches=0"]])
def test_a_run_without_validation_ends_well(options: list[str]) -> None:
    assert run("fit", *HELIX, "--trainer.logger=false", *options) == 0


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true", "64-true"])
def test_precisions(precision: str) -> None:
    options = ["--trainer.logger=false", f"--trainer.precision={precision}", "--trainer.enable_model_summary=true"]
    assert run("fit", *HELIX, *options) == 0


def test_evaluation_needs_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("test", *HELIX) == 2
    assert "lr-lightning test RUN_FOLDER" in capsys.readouterr().err


@pytest.mark.slow
def test_a_killed_and_resumed_run_ends_with_the_weights_of_one_that_was_not(tmp_path: Path) -> None:
    options = ["--config", str(CONFIG_FOLDER / "helix.yaml"), *QUIET, "--data.batches_per_epoch=75"]
    options += ["--trainer.max_epochs=6", "--model.lr_scheduler=torch.optim.lr_scheduler.CosineAnnealingLR"]
    options += ["--model.lr_scheduler.T_max=450"]
    command = [sys.executable, "-m", "lr_lightning", "fit", *options]
    # Not the W&B service of this process, in which the killed run would live on
    environment = {key: value for key, value in os.environ.items() if "WANDB_SERVICE" not in key}
    killed = subprocess.Popen(
        [*command, "--trainer.default_root_dir=runs/killed"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    deadline = time.monotonic() + 120
    while not Path("runs/killed/checkpoints/last.ckpt").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert torch.load("runs/killed/checkpoints/last.ckpt", weights_only=True)["global_step"] < 450
    for rest in (
        ["--trainer.default_root_dir=runs/killed", "--ckpt_path=last"],
        ["--trainer.default_root_dir=runs/whole"],
    ):
        with Path("log.txt").open("w") as log:  # a file: a process left behind could hold a pipe open
            code = subprocess.run([*command, *rest], stdout=log, stderr=log, timeout=240, env=environment).returncode
        assert code == 0, Path("log.txt").read_text()
    resumed, whole = (
        torch.load(f"runs/{name}/checkpoints/last.ckpt", weights_only=True) for name in ("killed", "whole")
    )
    assert resumed["global_step"] == whole["global_step"] == 450
    assert all(torch.equal(value, resumed["state_dict"][key]) for key, value in whole["state_dict"].items())
    run_ids = {path.stem for path in Path("runs/killed").glob("wandb/offline-run-*/*.wandb")}
    assert len(run_ids) == 1  # both starts belong to one W&B run
    tables = []
    for name in ("killed", "whole"):
        rows = logged_rows(Path("runs") / name)
        tables.append([{key: row[key] for key in row if not key.endswith("/seconds")} for row in rows])
    assert tables[0] == tables[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trainer.max_epoch=3"], r"'--trainer.max_epoch'.*--trainer.max_epochs\?"),
        (["--model.betaa=3"], r"BetaVAE.*'betaa'.* beta\?"),
        (["--model=BetaVEA"], r"'BetaVEA'.* BetaVAE\?"),
        (["--assays.response_matrix.num_sample=3"], "ResponseMatrixAssay.*'num_sample'"),
        (["--model.network.latent_dim=0"], r"latent_dim.*\b0"),
        (["--model.network.observation_shape=[4]"], r"MLP.*\(4,\).*\(3,\)"),
        (["--data.val_size=99999"], "val_size.*1152.*double_helix.*99999"),
        (["--config=missing.yaml"], "missing.yaml"),
        (["--ckpt_path=last"], "runs/helix/checkpoints/last.ckpt"),
        (["--ckpt_path=missing.ckpt"], "missing.ckpt"),
        (["--ckpt_path=broken.ckpt"], "broken.ckpt"),
        (["--trainer.default_root_dir=file/run"], "file/run"),
        (["--model.optimizer.lr=1e30"], r"nan.*step \d"),
        # found by the validation, with assays that need finite codes
        (["--model.optimizer.lr=1e30", "--trainer.log_every_n_steps=50"], r"nan.*step 4\b"),
        (["--model.optimizer.lr=1e30", "--trainer.log_every_n_steps=50", "--seeds=2"], "seed 0.*nan"),
        (["--data.dataset=Shapes3D", "--data.dataset.path=missing.h5"], "missing.h5"),
    ],
)
def test_rejects_bad_input(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.ckpt").write_bytes(b"PK nothing")
    Path("file").touch()
    assert run("fit", *HELIX, "--trainer.logger=false", *arguments) != 0
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("lr-lightning")]
    assert len(error) == 1
    assert re.search(message, error[0])
    assert not list(Path("runs").glob("*/checkpoints/*"))


def test_checkpoint_of_another_model_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", *HELIX, "--trainer.logger=false") == 0
    other = ["--ckpt_path=runs/helix/checkpoints/last.ckpt", "--model.network.latent_dim=3", "--trainer.logger=false"]
    assert run("test", *HELIX[:2], *other) != 0
    assert "last.ckpt" in capsys.readouterr().err


def test_help_needs_neither_torch_nor_lightning() -> None:
    code = (
        "import sys, lr_lightning.cli as cli\n"
        "cli.main(['--help'])\n"
        "assert not {'torch', 'pytorch_lightning'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ, timeout=60, stdout=subprocess.DEVNULL)
