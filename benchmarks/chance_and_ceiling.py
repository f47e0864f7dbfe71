"""Compare the stated chance and ceiling of every score with the scores of noise and perfect codes.

Factors of 4, 6 and 10 values are drawn for each seed. Noise consists of six normal latents; a perfect code of the
standardized factor indices, permuted and with some signs flipped. For each score and several numbers of rows, the table
shows means over seeds of the score of noise and the stated chance, and of the score of the perfect code and the stated
ceiling. A level fails if the chance is off by more than a quantile of Student's t times the standard error (four
standard errors for many seeds), or the ceiling by more than .03.

    OMP_NUM_THREADS=1 python benchmarks/chance_and_ceiling.py --rows 300 1500 6000 --seeds 20 20 8 --out docs/scores.md
    OMP_NUM_THREADS=1 python benchmarks/chance_and_ceiling.py --metrics mig,med --rows 300 --seeds 3

With ``--out``, the table replaces the one between the two markers in that file.
"""

import argparse
import math
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import t

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.core.chance_and_ceiling import ceilings, chance_of_noise, chance_of_shuffles
from lr_lightning.metrics.core.sample import Sample, Sampling, draw
from lr_lightning.metrics.registry import make_metrics

FACTOR_SIZES, LATENT_DIM = (4, 6, 10), 6
_ERROR_RATE = 6e-5  # per score; about a hundred scores are checked
BEGIN, END = "<!-- chance and ceilings: begin -->", "<!-- chance and ceilings: end -->"


class Found(NamedTuple):
    """Means over seeds for one score, and the tolerance between chance and the score of noise; NaN where undefined."""

    noise: float
    chance: float
    tolerance: float
    perfect: float
    ceiling: float

    @property
    def holds(self) -> bool:
        """Whether the stated levels agree with the measured ones."""
        chance = math.isnan(self.chance) or abs(self.noise - self.chance) <= self.tolerance + 1e-9
        return chance and not abs(self.perfect - self.ceiling) > 0.03


def samples(num_rows: int, seed: int) -> tuple[Sample, Sample]:
    """Return noise and a perfect code for the same factors."""
    generator = torch.Generator().manual_seed(seed)
    factors = torch.stack([torch.randint(size, (num_rows,), generator=generator) for size in FACTOR_SIZES], dim=1)
    values = (factors - factors.double().mean(dim=0)) / factors.double().std(dim=0, correction=0)
    noise = torch.randn(num_rows, LATENT_DIM, generator=generator)
    sampling = Sampling(seed=seed)
    return draw(noise, factors, sampling), draw(values[:, [2, 0, 1]] * torch.tensor([-1, 1, -1]), factors, sampling)


def measure(metric: DisentanglementMetric, num_rows: int, num_seeds: int) -> dict[str, Found]:
    """Return the results for each score of a metric."""
    rows: dict[str, list[tuple[float, float, float, float]]] = {}
    measured_chance = chance_of_noise if metric.refits else chance_of_shuffles
    for seed in range(num_seeds):
        noise, perfect = samples(num_rows, seed)
        on_noise, on_perfect = metric.score(noise).scores, metric.score(perfect).scores
        chance, ceiling = measured_chance(metric.score, noise, metric.num_chance_draws), ceilings(metric.score, perfect)
        for name in on_noise:
            levels = (on_noise[name].value, chance[name], on_perfect[name].value, ceiling[name])
            rows.setdefault(name, []).append(levels)
    found = {}
    for name, values in rows.items():
        table = np.array(values)
        if np.isnan(table[:, 0]).all():
            table[:, :2] = np.nan
        noise_mean, chance_mean, perfect_mean, ceiling_mean = np.nanmean(table, axis=0)
        error = float(np.nanstd(table[:, 0] - table[:, 1], ddof=1)) / math.sqrt(len(table))
        tolerance = float(t.isf(_ERROR_RATE / 2, len(table) - 1)) * error
        found[name] = Found(noise_mean, chance_mean, tolerance, perfect_mean, ceiling_mean)
    return found


def markdown(found: dict[int, dict[str, Found]]) -> str:
    """Return the table: one row per score, four columns for each number of rows."""
    head = ["score", *(f"{n:,} rows: noise | chance | perfect | ceiling" for n in found)]
    lines = [f"| {' | '.join(head)} |", "|---" * (1 + 4 * len(found)) + "|"]
    for name in next(iter(found.values())):
        values = [value for scores in found.values() for value in (*scores[name][:2], *scores[name][3:])]
        cells = ["" if math.isnan(value) else f"{value:.3f}" for value in values]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Measure, print and write the table; return 1 if a level fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metrics", default="default,beta_vae_score_standardized,sap_linear_svc_standardized")
    parser.add_argument("--rows", type=int, nargs="+", default=[300, 1500])
    parser.add_argument("--seeds", type=int, nargs="+", default=[20, 20], help="for each number of rows")
    parser.add_argument("--out", type=Path, help="file whose table, between the two markers, is replaced")
    options = parser.parse_args()
    named = make_metrics(options.metrics.split(","))
    metrics = {name: metric for name, metric in named.items() if metric.needs_factors}
    found: dict[int, dict[str, Found]] = {}
    warnings.simplefilter("ignore")  # scores that are undefined for noise
    for num_rows, num_seeds in zip(options.rows, options.seeds, strict=True):
        found[num_rows] = {}
        for name, metric in metrics.items():
            start = time.perf_counter()
            found[num_rows] |= measure(metric, num_rows, num_seeds)
            print(f"{num_rows} rows, {num_seeds} seeds, {name}: {time.perf_counter() - start:.1f} s", file=sys.stderr)
    table = markdown(found)
    print(table)
    failed = [
        f"{name} at {num_rows} rows: {each}"
        for num_rows, scores in found.items()
        for name, each in scores.items()
        if not each.holds
    ]
    print(*(failed or ["all chances and ceilings agree"]), sep="\n")
    if options.out is not None:
        text = options.out.read_text()
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        options.out.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
