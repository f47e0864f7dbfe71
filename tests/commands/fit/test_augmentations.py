"""Augmentations from configs and on the command line."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from tests.commands.fit.small_run import weights, write_config
from tests.commands.fit.test_training import run

FLIP = "torchvision.transforms.v2.RandomHorizontalFlip"
CROP = {"class_path": "RandomCrop", "init_args": {"size": 8, "padding": 1}}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The config of a run on 48 images (3, 8, 8), with augmentations."""
    images = np.random.default_rng(0).integers(0, 256, (48, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "noise.npz", images=images)
    (tmp_path / "noise.yaml").write_text("name: noise\nfactors: {row: 6, column: 8}\nimages: noise.npz\n")
    data = {
        "dataset": {"class_path": "CustomDataset", "init_args": {"path": str(tmp_path / "noise.yaml")}},
        "batches_per_epoch": 5,
        "augmentations": ["RandomHorizontalFlip", CROP],
    }
    return write_config(tmp_path, 8, data)


def test_short_names_work_in_configs_and_on_the_command_line(config: Path) -> None:
    assert run("fit", f"--config={config}") == 0
    saved = yaml.safe_load(Path("run/config.yaml").read_text())
    flip, crop = saved["data"]["init_args"]["augmentations"]
    assert flip == {"class_path": FLIP, "init_args": {"p": 0.5}}
    assert crop["class_path"] == "torchvision.transforms.v2.RandomCrop"
    assert crop["init_args"] | CROP["init_args"] == crop["init_args"]

    # the config of a run repeats it, as do the same augmentations on the command line
    assert run("fit", "--config=run/config.yaml", "--trainer.default_root_dir=again") == 0
    plain = [f"--config={config}", "--data.augmentations=null"]
    given = ["--data.augmentations=[RandomHorizontalFlip]", f"--data.augmentations+={yaml.safe_dump(CROP)}"]
    assert run("fit", *plain, *given, "--trainer.default_root_dir=given") == 0
    assert run("fit", *plain, "--trainer.default_root_dir=plain") == 0
    for other, equal in (("again", True), ("given", True), ("plain", False)):
        assert all(map(torch.equal, weights("run"), weights(other))) is equal


def test_a_run_resumes_inside_an_epoch_unless_augmentations_changed(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("fit", f"--config={config}", "--trainer.default_root_dir=whole") == 0
    assert run("fit", f"--config={config}", "--trainer.max_steps=6") == 0
    resume = ["fit", f"--config={config}", "--ckpt_path=last"]
    changed = "--data.augmentations=[RandomHorizontalFlip, {class_path: RandomCrop, init_args: {size: 8, padding: 2}}]"
    assert run(*resume, changed) == 2
    assert "data.augmentations[1].padding: 1 -> 2" in capsys.readouterr().err
    assert run(*resume) == 0
    assert all(map(torch.equal, weights("run"), weights("whole")))


@pytest.mark.parametrize(
    ("augmentations", "message"),
    [
        ("[RandomHorizontalFlop]", "RandomHorizontalFlip?"),
        ("RandomHorizontalFlip", "data.augmentations"),
        ("[{class_path: RandomCrop, init_args: {size: 4}}]", "(3, 4, 4)"),
        ("[{class_path: CenterCrop, init_args: {size: 8}}]", "CenterCrop"),
    ],
)
def test_augmentations_that_do_not_fit_are_one_sentence(
    config: Path, augmentations: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("fit", f"--config={config}", f"--data.augmentations={augmentations}") != 0
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("lr-lightning fit")]
    assert "augmentations" in line
    assert message in line
    assert not list(Path("run").rglob("*.ckpt"))
