"""Time and memory of the disentanglement suite on a code table with all factor combinations of dSprites.

    python benchmarks/disentanglement_suite.py [comma-separated metrics]

The codes resemble those of a partly disentangled model: 737,280 rows, 10 latents, two of them collapsed. Prints the
table of scores with the seconds of each metric, their sum, and the peak memory beyond that before the suite.
"""

import resource
import sys
import time
import warnings

import torch
from rich.console import Console
from torch import Tensor

from lr_lightning.metrics import DisentanglementSuite
from lr_lightning.metrics.score_report import score_report

FACTOR_SIZES = (3, 6, 40, 32, 32)


def code_table() -> tuple[Tensor, Tensor, Tensor]:
    """Return codes (737280, 10), factors (737280, 5) and log-variances (737280, 10)."""
    generator = torch.Generator().manual_seed(0)
    factors = torch.cartesian_prod(*(torch.arange(size) for size in FACTOR_SIZES))
    unit = factors / torch.tensor([size - 1 for size in FACTOR_SIZES])
    angle = 2 * torch.pi * factors[:, 2] / 40
    shape, scale, _, x, y = unit.unbind(dim=1)
    clean = [2 * shape, 2 * scale, angle.cos(), angle.sin(), 3 * x, 3 * y, x - y, shape * scale]
    noise = torch.randn(len(factors), 10, generator=generator)
    codes = torch.stack([*clean, *(torch.zeros_like(x),) * 2], dim=1)
    codes = codes + noise * torch.tensor([0.1] * 8 + [0.01] * 2)
    log_variances = torch.tensor([-4.0] * 8 + [0.0] * 2).expand(len(factors), 10).clone()
    return codes, factors, log_variances


def resident_mib() -> float:
    """Return the peak resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Run the suite once."""
    names = sys.argv[1].split(",") if len(sys.argv) > 1 else ["default"]
    codes, factors, log_variances = code_table()
    import lightgbm  # noqa: F401  (imported early, so as not to count as memory of the suite)
    import sklearn.linear_model  # noqa: F401

    suite = DisentanglementSuite(names)
    before, start = resident_mib(), time.perf_counter()
    with warnings.catch_warnings(record=True) as notes:
        table = suite.run(codes, factors, log_variances)
    seconds = time.perf_counter() - start
    console = Console(width=120)
    console.print(score_report(table.rows, f"{len(codes):,} rows, {torch.get_num_threads()} threads"))
    for note in notes:
        console.print(f"note: {note.message}")
    console.print(f"{seconds:.1f} s; additional memory: {resident_mib() - before:.0f} MiB")


if __name__ == "__main__":
    main()
