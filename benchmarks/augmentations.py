"""Time the augmentation of a training batch as a share of a training step, on 32 x 32 and 64 x 64 color images.

Steps are those of a beta-VAE in a bare loop. Timings take turns, and shares are medians over the turns.

    OMP_NUM_THREADS=1 python benchmarks/augmentations.py
"""

from collections.abc import Callable

import torch
from measuring import Cell, Group, Table, benchmark_parser, deliver, interleaved, ratio
from torch import Tensor
from torchvision.transforms import v2

from lr_lightning.data.loading.augmentations import Augmentations
from lr_lightning.models import BetaVAE
from lr_lightning.networks import AutoencoderNetwork, Conv32, Conv64Burgess

STEP = "training step"


def transforms(size: int) -> dict[str, list[v2.Transform]]:
    """Return common augmentations by name."""
    color = v2.ColorJitter(0.4, 0.4, 0.4, 0.1)
    return {
        "RandomHorizontalFlip": [v2.RandomHorizontalFlip()],
        "RandomCrop, RandomHorizontalFlip": [v2.RandomCrop(size, padding=4), v2.RandomHorizontalFlip()],
        "RandomResizedCrop": [v2.RandomResizedCrop(size, scale=(0.5, 1.0))],
        "ColorJitter": [color],
    }


def training_step(network: AutoencoderNetwork, images: Tensor) -> Callable[[], object]:
    """Return a function that makes one step on ``images``."""
    model = BetaVAE(network).to(images.device)
    optimizer, generator = torch.optim.Adam(model.parameters(), lr=1e-4), torch.Generator(images.device)

    def step() -> None:
        optimizer.zero_grad()
        model.objective(images, generator).loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        next(model.parameters())[0].sum().item()  # waits for the device

    return step


def augmentation(chosen: list[v2.Transform], images: Tensor) -> Callable[[], object]:
    """Return a function that augments ``images``."""
    augmentations = Augmentations(chosen, seed=0)

    def augment() -> None:
        seeds = augmentations.seeds(0, len(images), 1)[:, 0]
        augmentations(images, seeds)[-1, 0, 0, 0].item()

    return augment


def shares(network: AutoencoderNetwork, size: int, batch_size: int, rounds: int, device: str) -> list[list[Cell]]:
    """Return a row for each augmentation: milliseconds of a batch, and the share of a training step."""
    images = torch.randint(0, 256, (batch_size, 3, size, size), dtype=torch.uint8, device=device)
    ways: dict[str, Callable[[], object]] = {STEP: training_step(network, images.float() / 255)}
    for name, chosen in transforms(size).items():
        ways[name] = augmentation(chosen, images)
    found, _ = interleaved(ways, rounds)
    rows: list[list[Cell]] = []
    for name, seconds in found.items():
        rows.append([f"{size} x {size}", name, seconds.scaled(1000), ratio(seconds, found[STEP])])
    return rows


def main() -> None:
    """Run and print the timings."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    rounds = 2 if options.quick else options.rounds
    rows = [
        row
        for size, network in ((32, Conv32(10, channels=3)), (64, Conv64Burgess(10, channels=3)))
        for row in shares(network, size, options.batch_size, rounds, options.device)
    ]
    columns = ["images", "", "ms per batch", "share of a step"]
    deliver(Group("Augmentations", [Table(f"Batches of {options.batch_size}", columns, rows)]), options)


if __name__ == "__main__":
    main()
