"""Runs on a folder of pictures, which have no factors."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from tests.arrays import read_arrays
from tests.commands.fit.small_run import weights, write_config
from tests.commands.fit.test_training import run

SQUARE = [{"class_path": "Resize", "init_args": {"size": 8}}, {"class_path": "CenterCrop", "init_args": {"size": 8}}]
ASSAYS = {"conditioned_response": "conditioned_response", "disentanglement": "disentanglement"}

pytestmark = [
    pytest.mark.filterwarnings("ignore:independence is undefined"),  # models of a few steps
    pytest.mark.filterwarnings("ignore:score undefined"),
    pytest.mark.filterwarnings("ignore:the assay .* cannot run here"),
]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The config of a run on 40 pictures."""
    random = np.random.default_rng(0)
    (tmp_path / "pictures" / "more").mkdir(parents=True)
    for i in range(40):
        pixels = random.integers(0, 256, (*random.integers(9, 20, 2), 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / ["", "more"][i % 2] / f"{i}.png")
    dataset = {"class_path": "PictureFolder", "init_args": {"path": str(tmp_path / "pictures"), "transforms": SQUARE}}
    return write_config(tmp_path, 6, {"dataset": dataset, "batches_per_epoch": 3}, assays=ASSAYS)


def test_every_command_runs_without_factors(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", f"--config={config}") == 0
    assert "conditioned_response was skipped: " in capsys.readouterr().out
    assert run("test", "run") == 0
    assert run("predict", "run") == 0
    assert {name: array.shape for name, array in read_arrays("run/codes.npz").items()} == {
        "codes": (40, 3),
        "log_variances": (40, 3),
        "indices": (40,),
    }
    capsys.readouterr()
    assert run("score", "run/codes.npz") == 0
    scores = capsys.readouterr().out
    assert "active_units" in scores
    assert "mig" not in scores
    assert run("score", "run/codes.npz", "--metrics=mig") == 1
    assert "mig" in capsys.readouterr().err
    chosen = "--assays=conditioned_response,factor_topology,disentanglement,reconstruction"
    assert run("assay", "run", "--out=report", chosen) == 0
    printed = capsys.readouterr()
    for name in ("conditioned_response", "factor_topology"):
        assert f"{name} was skipped: pictures has no factors" in printed.out + printed.err
    assert Path("report/index.html").is_file()


def test_transforms_are_written_to_the_config_and_read_again(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", f"--config={config}", "--print_config") == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert run("fit", f"--config={config}", "--trainer.max_steps=3") == 0
    saved = yaml.safe_load(Path("run/config.yaml").read_text())
    for written in (printed, saved):
        resize, crop = written["data"]["init_args"]["dataset"]["init_args"]["transforms"]
        assert resize["class_path"] == "torchvision.transforms.v2.Resize"
        assert resize["init_args"]["size"] == 8
        assert crop == {"class_path": "torchvision.transforms.v2.CenterCrop", "init_args": {"size": 8}}
    given = [f"--data.dataset.transforms+={yaml.safe_dump(each)}" for each in SQUARE]
    cleared = ["--data.dataset.transforms=[]", *given, "--trainer.max_steps=3"]
    assert run("fit", "--config=run/config.yaml", "--trainer.default_root_dir=again") == 0
    assert run("fit", f"--config={config}", *cleared, "--trainer.default_root_dir=given") == 0
    assert all(map(torch.equal, weights("run"), weights("again")))
    assert all(map(torch.equal, weights("run"), weights("given")))
    assert len(list(config.parent.glob("pictures/**/*.rows"))) == 1


def test_a_run_resumes_unless_transforms_changed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", f"--config={config}", "--trainer.default_root_dir=whole") == 0
    assert run("fit", f"--config={config}", "--trainer.max_steps=4") == 0
    resume = ["fit", f"--config={config}", "--ckpt_path=last"]
    changed = yaml.safe_dump([SQUARE[0] | {"init_args": {"size": [8, 9]}}, SQUARE[1]])
    assert run(*resume, f"--data.dataset.transforms={changed}") == 2
    assert "transforms[0].size: 8 -> [8, 9]" in capsys.readouterr().err
    assert run(*resume) == 0
    assert all(map(torch.equal, weights("run"), weights("whole")))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--data.groups=FactorPairs", "groups: .* pictures has no factors"),
        ("--data.held_out=[{shape: [0]}]", "held_out: .*'shape'.* no factors"),
        ("--data.restricted={shape: [0]}", "restricted: .*'shape'.* no factors"),
        ("--data.correlations=[{first: a, second: b, sigma: 0.1}]", "correlations: .*'a'.* no factors"),
        ("--data.dataset.transforms=[]", r"pixels, but the first image, .*transforms"),
        ("--data.dataset.transforms=[RandomGrayscale]", "RandomGrayscale draws random numbers.*augmentations"),
        ("--data.dataset.transforms=[{class_path: Resize, init_args: {size: 8}}]", "transforms must give all images"),
        ("--data.dataset.transforms=[CentreCrop]", "transforms: .*CentreCrop.*CenterCrop"),
        ("--data.dataset.path=nowhere", "no folder .*nowhere"),
    ],
)
def test_refused_before_anything_is_written(
    config: Path, capsys: pytest.CaptureFixture[str], option: str, message: str
) -> None:
    before = set(config.parent.rglob("*"))
    assert run("fit", f"--config={config}", option) in (1, 2)
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("lr-lightning fit:")]
    assert re.search(message, line)
    new = {path.name for path in set(config.parent.rglob("*")) - before}
    assert all(name == "lr_lightning_cache" or name.endswith(".lock") for name in new)
