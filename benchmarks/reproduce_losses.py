"""Compute the losses that disentangling-vae published beside its models of dSprites.

    OMP_NUM_THREADS=1 python benchmarks/reproduce_losses.py disentangling-vae/results/*_dsprites

Its evaluation stops after the first batch, the first 1,000 images in the order of the data set (for FactorVAE, half of
them), and divides by the number of batches; here, published values are multiplied by that number. Codes are posterior
means. Images are rendered, so values can differ by what 4 pixels of an image contribute.
"""

import argparse
import json
import math
from pathlib import Path

import pandas as pd
import torch
from torch.nn import functional as F

from lr_lightning.data import RenderedDSprites
from lr_lightning.importers import DisentanglingVAEImporter
from lr_lightning.networks import Conv64Burgess

TABLE = Path(__file__).parents[1] / "docs" / "reproductions" / "disentangling_vae.csv"


@torch.no_grad()
def losses(folder: Path) -> pd.DataFrame:
    """Return obtained and published losses of one model, in nats per image."""
    specs = json.loads((folder / "specs.json").read_text())
    published = json.loads((folder / "test_losses.log").read_text())
    model = DisentanglingVAEImporter().read(folder)
    network = Conv64Burgess(**model.config["model"]["init_args"]["network"]["init_args"])
    network.load_state_dict({name.removeprefix("network."): value for name, value in model.weights.items()})
    dataset = RenderedDSprites()
    size = specs["eval_batchsize"]
    num_batches = math.ceil(len(dataset) / size)
    images = dataset.images(torch.arange(size // 2 if specs["loss"] == "factor" else size)).float() / 255
    means, log_variances = network.eval().posterior_parameters(images)
    divergences = 0.5 * (means.square() + log_variances.exp() - log_variances - 1).double().mean(dim=0)
    logits = network.decode(means)
    obtained = {
        "recon_loss": float(F.binary_cross_entropy_with_logits(logits, images, reduction="sum")) / len(images),
        "kl_loss": float(divergences.sum()),
        **{f"kl_loss_{latent}": float(value) for latent, value in enumerate(divergences)},
    }
    rows = [(folder.name, key, value, published[key] * num_batches) for key, value in obtained.items()]
    return pd.DataFrame(rows, columns=["model", "quantity", "obtained", "reference"])


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="folders with model.pt, specs.json and test_losses.log")
    parser.add_argument("--table", type=Path, default=TABLE, help="CSV file")
    options = parser.parse_args()
    table = pd.concat([losses(folder) for folder in sorted(options.folders)])
    options.table.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.table, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
