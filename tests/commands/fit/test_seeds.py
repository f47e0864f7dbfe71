"""Several seeds from the command line."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lr_lightning.commands.fit.seeds import seeds_of_run
from lr_lightning.models import BetaVAE
from tests.arrays import read_arrays
from tests.commands.fit.test_training import HELIX, run

pytestmark = [
    pytest.mark.filterwarnings("ignore:independence is undefined"),  # models of a few steps
    pytest.mark.filterwarnings("ignore:.* undefined"),  # one factor only
]
QUICK = [*HELIX, "--trainer.logger=false"]


def load(path: str) -> dict[str, Any]:
    checkpoint: dict[str, Any] = torch.load(path, weights_only=True)
    return checkpoint


def scalars(folder: str, stage: str) -> dict[str, float]:
    found = json.loads(Path(folder, "results.json").read_text())[stage]["scalars"]
    return {key: value for key, value in found.items() if not key.endswith(("/seconds", "/seconds_sd"))}


def test_seeds_count_from_the_first_or_are_listed() -> None:
    assert seeds_of_run(3, 5) == [5, 6, 7]
    assert seeds_of_run([7, 2], 5) == [7, 2]
    assert seeds_of_run([7], False) == [7]
    assert seeds_of_run(1, 5) is seeds_of_run(None, 5) is seeds_of_run(1, False) is None


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_each_seed_equals_a_run_of_its_own(precision: str) -> None:
    options = [*QUICK, f"--trainer.precision={precision}"]
    assert run("fit", *options, "--seed_everything=3", "--seeds=2", "--trainer.default_root_dir=runs/both") == 0
    both = scalars("runs/both", "fit")
    for seed in (3, 4):
        folder = f"runs/{seed}"
        assert run("fit", *options, f"--seed_everything={seed}", f"--trainer.default_root_dir={folder}") == 0
        alone, own = load(f"{folder}/checkpoints/last.ckpt"), load(f"runs/both/checkpoints/seed_{seed}.ckpt")
        assert all(torch.equal(value, own["state_dict"][key]) for key, value in alone["state_dict"].items())
        for key in ("global_step", "noise_seed", "hyper_parameters", "hparams_name", "pytorch-lightning_version"):
            assert own.get(key) == alone.get(key)
        found = scalars(folder, "fit")
        assert {key: both[f"seed_{seed}/{key}"] for key in found} == found
    for key in scalars("runs/4", "fit"):
        values = [both[f"seed_{seed}/{key}"] for seed in (3, 4)]
        if None not in values:
            assert both[key] == pytest.approx(np.mean(values), rel=1e-6)  # float32
            assert both[f"{key}_sd"] == pytest.approx(
                np.std(values, ddof=1), rel=1e-5, abs=1e-6 * max(map(abs, values))
            )
    weights = [load(f"runs/both/checkpoints/seed_{seed}.ckpt")["state_dict"] for seed in (3, 4)]
    assert not all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())


def test_checkpoint_of_one_seed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", *QUICK, "--seeds=[2,5]", "--trainer.default_root_dir=runs/both") == 0
    assert run("fit", *QUICK, "--seed_everything=2", "--trainer.default_root_dir=runs/two") == 0
    model = BetaVAE.load_from_checkpoint("runs/both/checkpoints/seed_2.ckpt", weights_only=True)
    expected = load("runs/two/checkpoints/last.ckpt")["state_dict"]
    assert all(torch.equal(value, expected[key]) for key, value in model.state_dict().items())
    assert run("test", "runs/both/checkpoints/seed_2.ckpt", "--trainer.logger=false") == 0
    assert run("test", "runs/two/checkpoints/last.ckpt", "--trainer.logger=false") == 0
    assert scalars("runs/both", "test") == scalars("runs/two", "test")
    assert json.loads(Path("runs/both/results.json").read_text())["test"]["seed"] == 2
    assert run("assay", "runs/both/checkpoints/seed_2.ckpt", "--out", "report", "--assays", "latent_statistics") == 0
    assert Path("report/index.html").is_file()
    capsys.readouterr()
    assert run("assay", "runs/both", "--out", "other") != 0
    assert "runs/both/checkpoints/seed_2.ckpt, runs/both" in capsys.readouterr().err
    assert run("fit", "runs/both/checkpoints/seed_2.ckpt", "--trainer.logger=false") != 0
    assert re.search(r"seed_2\.ckpt.*\b2 seeds", capsys.readouterr().err)


def test_an_ensemble_is_resumed_tested_and_encoded(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", *QUICK, "--seeds=2", "--trainer.default_root_dir=runs/whole") == 0
    printed = capsys.readouterr().out
    assert re.search(r"BetaVAE, 2 seeds .*\b8 steps", " ".join(printed.split()))
    found = scalars("runs/whole", "fit")
    assert f"{found['val/kl']:.2f} ± {found['val/kl_sd']:.2f} nats" in printed
    key = "assay/latent_statistics/active_units"
    assert f"{found[key]:.3f} ± {found[f'{key}_sd']:.3f}" in printed
    half = [*QUICK, "--seeds=2", "--trainer.default_root_dir=runs/half"]
    assert run("fit", *half, "--trainer.max_epochs=1") == 0
    assert run("fit", *half, "--ckpt_path=last") == 0
    for seed in (0, 1):
        whole, resumed = (load(f"runs/{name}/checkpoints/seed_{seed}.ckpt")["state_dict"] for name in ("whole", "half"))
        assert all(torch.equal(value, resumed[key]) for key, value in whole.items())
    assert run("test", "runs/whole", "--trainer.logger=false") == 0
    tested = scalars("runs/whole", "test")
    assert {
        "test/loss",
        "test/loss_sd",
        "seed_0/test/loss",
        "seed_1/assay/latent_statistics/active_units",
    } < tested.keys()
    assert any(key.startswith("seed_1/metric/") for key in tested)
    assert run("predict", "runs/whole") == 0
    codes = [read_arrays(f"runs/whole/codes_seed_{seed}.npz") for seed in (0, 1)]
    assert codes[0]["codes"].shape == codes[1]["log_variances"].shape == (1152, 2)
    assert codes[0]["factors"].shape == (1152, 1)
    assert not np.array_equal(codes[0]["codes"], codes[1]["codes"])
    assert run("predict", "runs/whole/checkpoints/seed_1.ckpt") == 0
    np.testing.assert_array_equal(read_arrays("runs/whole/codes.npz")["codes"], codes[1]["codes"])


def test_assays_of_the_model_run_on_each_seed() -> None:
    own = ["--model.assays=[LatentStatisticsAssay]", "--assays.latent_statistics=null"]
    assert run("fit", *QUICK, *own, "--seeds=2") == 0
    assert {"seed_0/assay/latent_statistics/active_units", "assay/latent_statistics/active_units_sd"} < scalars(
        "runs/helix", "fit"
    ).keys()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds=0"], r"seeds.*\b0"),
        (["--seeds=[1,1]"], r"seeds.*\[1, 1\]"),
        (["--seeds=[]"], r"seeds.*\[\]"),
        (["--seeds=[-1]"], r"seeds.*\[-1\]"),
        (["--seeds=2", "--seed_everything=false"], r"seeds.*seed_everything.*false"),
        (["--seed=2"], r"'--seed'.*--seeds\?"),
    ],
)
def test_rejects_wrong_seeds(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", *QUICK, *arguments) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not Path("runs").exists()
