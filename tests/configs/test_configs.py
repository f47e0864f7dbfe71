"""Every config trains, on the data set that it names or on tiny files in the public format."""

from pathlib import Path

import pytest
import torch
import yaml

from lr_lightning import models
from lr_lightning.cli import main
from lr_lightning.configs import CONFIG_FOLDER
from tests.data.sets.torchvision_files import write_mnist

TINY = ["--data.batches_per_epoch=2", "--data.batch_size=4", "--data.val_size=40", "--trainer.max_steps=2"]
QUIET = [
    "--trainer.accelerator=cpu",
    "--trainer.logger=false",
    "--trainer.enable_progress_bar=false",
    "--trainer.enable_model_summary=false",
]

pytestmark = pytest.mark.filterwarnings("ignore:.* undefined")  # barely trained


def run(*arguments: str) -> None:
    """Run the command line; it must succeed."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    assert stopped.value.code == 0


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIG_FOLDER.glob("*.yaml")))
def test_trains_and_its_checkpoint_reloads_alone(name: str) -> None:
    options = ["--assays.response_matrix.num_samples=8"]
    if name == "mnist":
        write_mnist(Path("data_sets/mnist"), num_images=300)
    if name not in ("mnist", "helix"):
        few = ["num_traversals=2", "num_samples=2", "num_resamples=5"]
        options += [f"--assays.conditioned_response.{option}" for option in few]
        if name != "dsprites_betavae":  # the last scores of one config stand for those of all, which are the same
            options.append("--assays.disentanglement.final_metrics=[]")
    run("fit", f"--config={CONFIG_FOLDER / f'{name}.yaml'}", *options, *TINY, *QUIET)
    checkpoint = Path("runs") / name / "checkpoints" / "last.ckpt"
    class_path = yaml.safe_load((CONFIG_FOLDER / f"{name}.yaml").read_text())["model"]["class_path"]
    model = getattr(models, class_path).load_from_checkpoint(checkpoint, weights_only=True)
    saved = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert all(torch.equal(value, saved[key]) for key, value in model.state_dict().items())
