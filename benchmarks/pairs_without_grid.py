"""Compare scores of matched and marginal pairs with those of the full grid, and their chance levels with the truth.

With a checkpoint of a BetaVAE on a full grid: traversals of the grid, then pairs among random parts of it, as if only
these observations existed. Prints means and standard deviations over parts.

    python benchmarks/pairs_without_grid.py runs/my_betavae/checkpoints/best.ckpt --dataset RenderedShapes3D

With --chance: codes that are independent of the labels, whose scores should have the stated chance and reach a p-value
of 0.05 or less in 5 % of cases; with --bounds: random codes that are sums of functions of independent factors, among
which none should have a marginal CDS above that of the grid.

    python benchmarks/pairs_without_grid.py --chance    # 15 minutes
    python benchmarks/pairs_without_grid.py --bounds
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from lr_lightning import data
from lr_lightning.assays import (
    ConditionedResponseMatrix,
    LabelPairs,
    causal_completeness_score,
    causal_disentanglement_score,
    conditioned_response_matrix,
    encode_means,
    label_response_matrix,
    marginal_pairs,
    matched_pairs,
    paired_response_matrix,
    permutation_null,
    sample_traversals,
    wrap,
)
from lr_lightning.models import BetaVAE

DRAW: dict[str, Callable[..., LabelPairs]] = {"matched": matched_pairs, "marginal": marginal_pairs}
NUM_TRAVERSALS, NUM_SAMPLES = 20, 16


def scores(result: ConditionedResponseMatrix, generator: torch.Generator) -> Tensor:
    """Return CDS, its chance level and CCS."""
    null = permutation_null(result, num_permutations=200, generator=generator)
    return torch.stack([null.score, null.null.mean(), causal_completeness_score(result.matrix)])


def spread(values: list[Tensor]) -> str:
    """Return mean and standard deviation as cells of a row."""
    stacked = torch.stack(values)
    deviations = stacked.std(dim=0) if len(values) > 1 else torch.full(stacked.shape[1:], torch.nan)
    cells = zip(stacked.mean(dim=0).tolist(), deviations.tolist(), strict=True)
    return " | ".join(f"{mean:.3f} ± {deviation:.3f}" for mean, deviation in cells)


def on_model(checkpoint: Path, dataset: data.FactorDataset, sizes: list[int], repetitions: int) -> Iterator[str]:
    """Yield rows for the full grid, and for matched and marginal pairs among parts of each size."""
    model = BetaVAE.load_from_checkpoint(checkpoint, "cpu", weights_only=True)
    generator, found = torch.Generator().manual_seed(0), []
    for _ in range(repetitions):
        traversals = sample_traversals(model, dataset, NUM_TRAVERSALS, generator)
        result = conditioned_response_matrix(model, traversals, num_samples=NUM_SAMPLES, generator=generator)
        found.append(scores(result, generator))
    yield f"full grid | {len(dataset):,} | {NUM_TRAVERSALS} | {spread(found)}"
    for size in sizes:
        results: dict[str, list[Tensor]] = {pairing: [] for pairing in DRAW}
        groups, labels = [], []
        for _ in range(repetitions):
            rows = torch.randperm(len(dataset), generator=generator)[:size]
            codes = torch.cat([encode_means(model, dataset.images(part)) for part in torch.split(rows, 4096)])
            factors = dataset.factors(rows)
            for pairing, draw in DRAW.items():
                pairs = draw(factors, NUM_TRAVERSALS, NUM_SAMPLES, generator)
                results[pairing].append(
                    scores(paired_response_matrix(model, codes, pairs, generator=generator), generator)
                )
                if pairing == "matched":
                    groups.append(torch.tensor(pairs.num_groups)[torch.tensor(dataset.factor_space.sizes) > 1])
                else:
                    labels.append(causal_disentanglement_score(label_response_matrix(factors, pairs)))
        smallest, largest = (int(end) for end in torch.stack(groups).double().mean(dim=0).aminmax())
        yield f"matched | {size:,} | {smallest:,} to {largest:,} | {spread(results['matched'])}"
        ceiling = float(torch.stack(labels).mean())
        yield f"marginal (labels as codes: {ceiling:.3f}) | {size:,} | {NUM_TRAVERSALS} | {spread(results['marginal'])}"


def independent_labels(kind: str, generator: torch.Generator) -> Tensor:
    """Return labels (N, K) with groups of different sizes."""
    if kind == "eight dependent attributes":
        weights = torch.randn(3, 8, generator=torch.Generator().manual_seed(7))
        logits = torch.randn(2000, 3, generator=generator) @ weights + 0.7 * torch.randn(2000, 8, generator=generator)
        return (logits + torch.tensor([0.0, -1, -2, -2.5, 0, 0.5, -1.5, 1]) > 0).long()
    factors = torch.stack([torch.randint(size, (600,), generator=generator) for size in (1, 3, 2)], dim=1)
    factors[:3, 0] = 1
    return factors


def chance(repetitions: int) -> Iterator[str]:
    """Yield rows on scores of codes that are independent of the labels."""
    mixing = torch.eye(6) + 0.2 * torch.randn(6, 6, generator=torch.Generator().manual_seed(3))
    distributions: dict[str, Callable[[Tensor], Tensor]] = {
        "normal": lambda noise: noise,
        "signed squares of normal": lambda noise: noise * noise.abs(),
        "cubes of normal": lambda noise: noise**3,
        "two values": lambda noise: (noise > 0.8).float(),
    }
    for kind in ("eight dependent attributes", "a value with three samples"):
        for name, transform in distributions.items():
            for pairing, draw in DRAW.items():
                generator, found = torch.Generator().manual_seed(0), []
                model = wrap(encode=lambda x: x, decode=lambda z: z @ mixing, latent_dim=6)
                for _ in range(repetitions):
                    factors = independent_labels(kind, generator)
                    codes = transform(torch.randn(len(factors), 6, generator=generator))
                    pairs = draw(factors, 20, 8, generator)
                    result = paired_response_matrix(model, codes, pairs, generator=generator, chunk_size=100_000)
                    null = permutation_null(result, num_permutations=60, generator=generator)
                    found.append(torch.stack([null.score, null.null.mean(), (null.p_value <= 0.05).double()]))
                score, stated, rejected = torch.stack(found).mean(dim=0).tolist()
                yield f"{kind} | {name} | {pairing} | {score:.4f} | {stated:.4f} | {100 * rejected:.0f} %"


def bounds(repetitions: int) -> Iterator[str]:
    """Yield the largest excess of a marginal CDS over that of the grid, by the closed forms for sums of functions."""
    generator = torch.Generator().manual_seed(0)
    for equal in (True, False):
        worst = -1.0
        for _ in range(repetitions):
            num_factors, dim = (int(torch.randint(2, 8, (), generator=generator)) for _ in range(2))
            sizes = torch.randint(2, 12, (1 if equal else num_factors, 1), generator=generator).double()
            variances = torch.rand(num_factors, dim, generator=generator, dtype=torch.float64) ** 4
            variances *= 10 ** (4 * torch.rand(dim, generator=generator, dtype=torch.float64))
            grid = (variances * sizes / (sizes - 1)).sqrt()
            marginal = (variances.sum(dim=0) + variances / (sizes - 1)).sqrt()
            worst = max(worst, float(causal_disentanglement_score(marginal) - causal_disentanglement_score(grid)))
        yield f"{'equal' if equal else 'different'} numbers of values | {worst:+.4f}"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, nargs="?")
    parser.add_argument("--dataset", default="RenderedShapes3D")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 50_000])
    parser.add_argument("--repetitions", type=int, help="5 with a checkpoint, 200 with --chance, 100,000 with --bounds")
    parser.add_argument("--chance", action="store_true")
    parser.add_argument("--bounds", action="store_true")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message=".* undefined")
    if options.chance:
        print("| labels | codes | pairs | CDS | stated chance | p ≤ 0.05 |\n| --- | --- | --- | --- | --- | --- |")
        rows = chance(options.repetitions or 200)
    elif options.bounds:
        print("| factors | largest excess of the marginal CDS |\n| --- | --- |")
        rows = bounds(options.repetitions or 100_000)
    elif options.checkpoint is not None:
        print("| samples | observations | groups | CDS | chance | CCS |\n| --- | --- | --- | --- | --- | --- |")
        rows = on_model(options.checkpoint, getattr(data, options.dataset)(), options.sizes, options.repetitions or 5)
    else:
        parser.error("missing argument: a checkpoint, --chance or --bounds")
    for row in rows:
        print(f"| {row} |", flush=True)


if __name__ == "__main__":
    main()
