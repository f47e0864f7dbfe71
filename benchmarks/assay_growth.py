"""Scaling of each assay's time and memory with its number of codes.

Each assay of ``lr-lightning assay`` with a number of codes runs without a Trainer and without figures, on two untrained
networks with 10, 24 and 64 latents. It starts with 32 codes and quadruples them, up to 10,000 or until the next run
would take longer than ``--seconds``. Exponents are slopes of log time and log memory over the log of the number of
codes: 1 is linear. Memory below 1 MB is ignored.

    OMP_NUM_THREADS=2 python benchmarks/assay_growth.py
"""

import logging
import time
import warnings
from collections.abc import Callable

import torch
from measuring import Cell, Group, Table, benchmark_parser, deliver, growth_exponent, peak_memory
from pytorch_lightning import Trainer

from lr_lightning.callbacks import AssayCallback
from lr_lightning.callbacks.code_table import CodeTable
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.registry import ASSAYS
from lr_lightning.callbacks.report_arguments import report_arguments
from lr_lightning.models import VAE
from lr_lightning.networks import MLP, AutoencoderNetwork, Conv64Burgess

SIZES = (32, 128, 512, 2048, 10_000)
SMALLEST = 1.0  # MB; smaller values mostly reflect the system's accounting
NETWORKS: dict[str, Callable[[int], AutoencoderNetwork]] = {
    "MLP, 100 observed values": lambda latent_dim: MLP(latent_dim, (100,), widths=(256, 256)),
    "convolutional network, 1x64x64 images": lambda latent_dim: Conv64Burgess(latent_dim, 1),
}


def make_context(network: AutoencoderNetwork, num_codes: int, seed: int) -> AssayContext:
    """Return the input of an assay: a model, random codes and observations."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randn(num_codes, network.latent_dim, generator=generator)
    return AssayContext(
        autoencoder=VAE(network).eval(),
        table=CodeTable(codes, torch.full_like(codes, -2.0), None),
        observations=torch.rand(16, *network.observation_shape, generator=generator),
        dataset=None,
        trainer=Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False),
        generator=generator,
    )


def make_assay(name: str, num_codes: int) -> AssayCallback:
    """Return an assay that measures ``num_codes`` codes."""
    return ASSAYS[name](**report_arguments(ASSAYS[name], num_samples=num_codes))


def measure(
    name: str, network: AutoencoderNetwork, limit: float, sizes: tuple[int, ...]
) -> list[tuple[int, float, float]]:
    """Return sizes with their seconds and MB, up to ``limit`` seconds per run."""
    found: list[tuple[int, float, float]] = []
    make_assay(name, 16).run(make_context(network, 16, seed=1))  # imports, and first use of each operation
    for size in sizes:
        if found and found[-1][1] * size / found[-1][0] > limit:
            break
        assay, context, megabytes = make_assay(name, size), make_context(network, size, seed=0), list[float]()
        with peak_memory(megabytes):
            start = time.perf_counter()
            assay.run(context)
            seconds = time.perf_counter() - start
        found.append((size, seconds, max(megabytes[0], 0.0)))
    return found


def row(name: str, latent_dim: int, found: list[tuple[int, float, float]]) -> list[Cell]:
    """Return a row of the table."""
    sizes, seconds, megabytes = zip(*found, strict=True)
    largest = f"{sizes[-1]:,}"
    seen = [(size, mb) for size, _, mb in found if mb >= SMALLEST]
    memory = growth_exponent(*zip(*seen, strict=True)) if seen else None
    exponents = (growth_exponent(sizes, seconds), memory)
    return [name, str(latent_dim), seconds[0], largest, seconds[-1], megabytes[-1], *exponents]


def main() -> None:
    """Measure all assays."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="limit per run")
    options = parser.parse_args()
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")  # scores that are undefined on an untrained network
    sizes = (32, 64) if options.quick else SIZES
    columns = ["assay", "latents", f"s at {sizes[0]} codes", "largest number of codes", "s", "MB"]
    columns += ["time exponent", "memory exponent"]
    group = Group("Scaling of assays")
    for title, make_network in NETWORKS.items():
        torch.manual_seed(0)
        rows: list[list[Cell]] = []
        for name in [name for name in ASSAYS if ASSAYS[name].size_argument is not None]:
            for latent_dim in (10,) if options.quick else (10, 24, 64):
                found = measure(name, make_network(latent_dim), options.seconds, sizes)
                rows.append(row(name, latent_dim, found))
        group.tables.append(Table(title, columns, rows))
    deliver(group, options)


if __name__ == "__main__":
    main()
