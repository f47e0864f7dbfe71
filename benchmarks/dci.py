"""Time DCI with histogram boosting against scikit-learn's gradient boosting, the estimator of the original study.

The codes encode five factors with the sizes of dSprites: one noisy latent per factor, two latents that mix two factors,
and three latents of noise. Both estimators fit the same rows in turns; the script prints median times, their ratio and
the difference of the scores. Gradient boosting takes minutes per round at full size: by default, only the factors with
3 and 40 values are fitted, 43 of all 113 trees per round.

    OMP_NUM_THREADS=1 python benchmarks/dci.py --rounds 3
    OMP_NUM_THREADS=1 python benchmarks/dci.py --factors 0 1 2 3 4 --rounds 1
"""

import argparse
import time
from statistics import median

import torch
from torch import Tensor

from lr_lightning.metrics.core.sample import Sampling
from lr_lightning.metrics.dci import dci

FACTOR_SIZES = (3, 6, 40, 32, 32)


def codes_of_dsprites(num_rows: int) -> tuple[Tensor, Tensor]:
    """Return codes ``(N, 10)`` and factors ``(N, 5)``."""
    generator = torch.Generator().manual_seed(0)
    factors = torch.stack([torch.randint(size, (num_rows,), generator=generator) for size in FACTOR_SIZES], dim=1)
    values = (factors - factors.double().mean(dim=0)) / factors.double().std(dim=0)
    noise = torch.randn(num_rows, 10, generator=generator, dtype=torch.float64)
    signal = torch.cat([values, values[:, :2] + values[:, 2:4], torch.zeros(num_rows, 3)], dim=1)
    scale = torch.tensor([0.1] * 7 + [1.0] * 3, dtype=torch.float64)
    return (signal + scale * noise).float(), factors


def main() -> None:
    """Run and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-train", type=int, default=10_000)
    parser.add_argument("--num-test", type=int, default=5_000)
    parser.add_argument("--factors", type=int, nargs="+", default=[0, 2], help="two or more of the five factors")
    parser.add_argument("--num-trees", type=int, default=100)
    parser.add_argument("--max-bins", type=int, default=2047)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    codes, factors = codes_of_dsprites(options.num_train + options.num_test)
    factors = factors[:, options.factors]
    sampling = Sampling(options.num_train, options.num_test)
    seconds: dict[str, list[float]] = {"lightgbm": [], "gbt": []}
    scores: dict[str, list[float]] = {}
    dci(codes[:300], factors[:300], num_trees=1)  # imports
    for _ in range(options.rounds):
        for estimator, taken in seconds.items():
            start = time.perf_counter()
            result = dci(
                codes,
                factors,
                estimator=estimator,  # type: ignore[arg-type]
                num_trees=options.num_trees,
                max_bins=options.max_bins,
                sampling=sampling,
            )
            taken.append(time.perf_counter() - start)
            scores[estimator] = [score.value for score in result.scores.values()]

    sizes = [FACTOR_SIZES[k] for k in options.factors]
    print(f"{options.num_train:,} / {options.num_test:,} rows, 10 latents, factors of {sizes} values")
    names = "disentanglement, completeness, informativeness on train and test"
    for estimator, taken in seconds.items():
        values = ", ".join(f"{value:.4f}" for value in scores[estimator])
        print(f"{estimator:8} median {median(taken):7.2f} s; {names}: {values}")
    furthest = max(abs(a - b) for a, b in zip(scores["lightgbm"], scores["gbt"], strict=True))
    print(f"ratio {median(seconds['gbt']) / median(seconds['lightgbm']):.1f}; scores differ by {furthest:.4f} at most")


if __name__ == "__main__":
    main()
