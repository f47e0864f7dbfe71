"""Every config trains, on the data set that it names or on tiny files in the public format."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from lr_lightning import models
from lr_lightning.cli import main
from lr_lightning.configs import CONFIG_FOLDER
from tests.arrays import read_arrays
from tests.data.sets.torchvision_files import write_celeba, write_cifar, write_mnist

CONFIGS = sorted(path.stem for path in CONFIG_FOLDER.glob("*.yaml"))
FROM_FILES = ["fashion_mnist_vae", "cifar10_vae", "celeba_betavae", "photographs"]
WITHOUT_LABELED_ASSAYS = ["helix", "mnist", "fashion_mnist_vae", "cifar10_vae", "photographs"]

TINY = ["--data.batches_per_epoch=2", "--data.batch_size=4", "--data.val_size=40"]
QUIET = [
    "--trainer.accelerator=cpu",
    "--trainer.logger=false",
    "--trainer.enable_progress_bar=false",
    "--trainer.enable_model_summary=false",
]

pytestmark = [
    pytest.mark.filterwarnings("ignore:.* undefined"),  # barely trained
    pytest.mark.filterwarnings("ignore:gaussian_total_correlation is infinite"),  # fewer images than latents
]


def run(*arguments: str) -> None:
    """Run the command line; it must succeed."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    assert stopped.value.code == 0


def write_pictures(folder: Path, num_pictures: int) -> None:
    """Write pictures of different sizes, wide and tall, in color and gray, as PNG and JPEG files."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for number in range(num_pictures):
        coarse = generator.integers(256, size=(3, 4, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((140 + number, 190 - number), Image.Resampling.BICUBIC)
        suffix = ".jpg" if number % 2 else ".png"
        picture.convert("L" if number % 7 == 0 else "RGB").save(folder / f"picture_{number}{suffix}")


def options_of(name: str, patch: pytest.MonkeyPatch) -> list[str]:
    """Return the options of a quick run, and write the files that the config reads."""
    options = [*TINY, *QUIET, "--assays.response_matrix.num_samples=8"]
    if name == "mnist":
        write_mnist(Path("data_sets/mnist"), num_images=60)
    elif name == "fashion_mnist_vae":
        write_mnist(Path("data_sets/fashion_mnist"), "FashionMNIST", num_images=60, packed=True)
    elif name == "cifar10_vae":
        write_cifar(Path("data_sets/cifar10"), patch, num_images=60)
    elif name == "celeba_betavae":
        write_celeba(Path("data_sets/celeba"), patch, num_images=90, zipped=True)
        options.append("--data.dataset.download=true")  # unpacks the archive, which is there
    elif name == "photographs":
        write_pictures(Path("photographs"), num_pictures=60)
    if name not in WITHOUT_LABELED_ASSAYS:
        few = ["num_traversals=2", "num_samples=2", "num_resamples=5"]
        options += [f"--assays.conditioned_response.{option}" for option in few]
        if name != "dsprites_betavae":  # the last scores of one config stand for those of all, which are the same
            options.append("--assays.disentanglement.final_metrics=[]")
    return options


@pytest.mark.parametrize("name", CONFIGS)
def test_trains_and_its_checkpoint_reloads_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = options_of(name, monkeypatch)
    run("fit", f"--config={CONFIG_FOLDER / f'{name}.yaml'}", "--trainer.max_steps=2", *options)
    checkpoint = Path("runs") / name / "checkpoints" / "last.ckpt"
    config = yaml.safe_load(Path("runs", name, "config.yaml").read_text())
    class_path = config["model"]["class_path"].rpartition(".")[2]
    model = getattr(models, class_path).load_from_checkpoint(checkpoint, weights_only=True)
    saved = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert all(torch.equal(value, saved[key]) for key, value in model.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize("name", FROM_FILES)
def test_resumes_exactly_and_is_evaluated(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["fit", f"--config={CONFIG_FOLDER / f'{name}.yaml'}", *options_of(name, monkeypatch)]
    few = ["--assays=null", "--trainer.precision=32-true"]
    run(*command, *few, "--trainer.max_steps=4", "--trainer.default_root_dir=whole")
    run(*command, *few, "--trainer.max_steps=2", "--trainer.default_root_dir=part")
    run("fit", "part", "--trainer.max_steps=4")
    whole, resumed = (torch.load(f"{run}/checkpoints/last.ckpt", weights_only=True) for run in ("whole", "part"))
    assert resumed["global_step"] == whole["global_step"] == 4
    assert all(torch.equal(value, resumed["state_dict"][key]) for key, value in whole["state_dict"].items())
    run("test", "part", "--assays.disentanglement=null")
    run("predict", "part")
    codes = read_arrays("part/codes.npz")
    assert len(codes["codes"]) > 40
    assert ("factors" in codes) == (name != "photographs")
    run("assay", "part", "--out=report", "--assays=reconstruction,response_matrix")
    assert Path("report/index.html").is_file()


@pytest.mark.parametrize("name", FROM_FILES)
def test_missing_files_are_one_sentence_with_a_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fit", f"--config={CONFIG_FOLDER / f'{name}.yaml'}", *QUIET])
    printed = capsys.readouterr().err.strip().splitlines()
    assert printed[-1].startswith("lr-lightning fit: no ")
    assert name == "photographs" or "`lr-lightning data prepare " in printed[-1]
    assert not Path("runs").exists()
