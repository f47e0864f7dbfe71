"""Time the conditioned response matrix against a naive implementation: one traversal and one latent at a time.

The naive implementation follows the definition: it recomputes h(base) for each latent, and runs interventions that do
not change the code. Both measure the same matrix, from the same bases and donors. Prints the number of samples that
each decodes and encodes, and the ratio of the medians of interleaved timings. Set OMP_NUM_THREADS=1 on a machine that
is not idle.

    python benchmarks/conditioned_response.py --latent-dim 10 --traversals 10

With ``--ideal``, each factor moves one latent only, so most interventions change nothing.
"""

import argparse
from collections.abc import Callable, Sequence

import torch
from response_matrix import Comparison, ConvAutoencoder, compare  # the neighboring benchmark
from torch import Tensor

from lr_lightning.assays import conditioned_response_matrix, intervene


def draw_members(size: int, num_traversals: int, num_samples: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return bases and donors (T, B), drawn from their traversal as the assay draws them, so that results agree."""
    if num_samples <= size:
        bases = torch.rand(num_traversals, size, generator=generator).argsort(dim=1)[:, :num_samples]
    else:
        bases = torch.randint(size, (num_traversals, num_samples), generator=generator)
    return bases, (bases + torch.randint(1, size, bases.shape, generator=generator)) % size


@torch.no_grad()
def plain_conditioned_matrix(
    autoencoder: ConvAutoencoder, traversals: Sequence[Tensor], num_samples: int, generator: torch.Generator
) -> Tensor:
    """Return the conditioned response matrix by its definition, with a pass for each traversal and latent."""
    rows = []
    for codes in traversals:
        bases, donors = draw_members(codes.shape[1], len(codes), num_samples, generator)
        per_traversal = []
        for group, base, donor in zip(codes, bases.to(codes.device), donors.to(codes.device), strict=True):
            responses = []
            for latent in range(codes.shape[2]):
                before = autoencoder.encode(autoencoder.decode(group[base]))
                moved = intervene(group[base], latent, group[donor, latent])
                after = autoencoder.encode(autoencoder.decode(moved))
                squares = (after[:, latent] - before[:, latent]).double().square()
                responses.append((squares.mean() / 2).sqrt())
            per_traversal.append(torch.stack(responses))
        rows.append(torch.stack(per_traversal).mean(dim=0))
    return torch.stack(rows)


def make_traversals(num_factors: int, num_values: int, num_traversals: int, dim: int, ideal: bool) -> list[Tensor]:
    """Return codes (T, V, D) for each factor: all latents vary, or, in an ideal code, one latent per factor."""
    if not ideal:
        return [torch.randn(num_traversals, num_values, dim) for _ in range(num_factors)]
    traversals = []
    for factor in range(num_factors):
        codes = torch.randn(num_traversals, 1, dim).repeat(1, num_values, 1)
        codes[:, :, factor % dim] = torch.linspace(-1.5, 1.5, num_values)
        traversals.append(codes)
    return traversals


def compare_conditioned_matrices(
    traversals: Sequence[Tensor], num_samples: int, rounds: int, chunk_size: int | None = None
) -> Comparison:
    """Compare the conditioned response matrix along ``traversals``, each (T, V, D), with the naive one."""
    torch.manual_seed(0)
    autoencoder = ConvAutoencoder(traversals[0].shape[2]).to(traversals[0].device).eval()
    ways: dict[str, Callable[[], Tensor]] = {
        "plain": lambda: plain_conditioned_matrix(
            autoencoder, traversals, num_samples, torch.Generator().manual_seed(1)
        ),
        "batched": lambda: (
            conditioned_response_matrix(
                autoencoder,
                traversals,
                num_samples=num_samples,
                generator=torch.Generator().manual_seed(1),
                chunk_size=chunk_size,
            ).matrix
        ),
    }
    return compare(autoencoder, ways, rounds)


def main() -> None:
    """Run and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latent-dim", type=int, default=10)
    parser.add_argument("--factors", type=int, default=6)
    parser.add_argument("--values", type=int, default=10, help="values of each factor")
    parser.add_argument("--traversals", type=int, default=10, help="traversals of each factor")
    parser.add_argument("--num-samples", type=int, default=32, help="interventions per traversal and latent")
    parser.add_argument("--ideal", action="store_true", help="each factor moves only one latent")
    parser.add_argument("--chunk-size", type=int, help="chunk size of the assay")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()

    torch.manual_seed(0)
    shape = (options.factors, options.values, options.traversals, options.latent_dim)
    traversals = [codes.to(options.device) for codes in make_traversals(*shape, ideal=options.ideal)]
    found = compare_conditioned_matrices(traversals, options.num_samples, options.repeats, options.chunk_size)
    for name, count in found.samples.items():
        print(f"{name:8} {count:8,} samples decoded and encoded, {found.seconds[name]} s")
    print(f"samples  ratio {found.samples['batched'] / found.samples['plain']:.3f}")
    print(f"time     ratio {found.time_ratio} on {options.device}")


if __name__ == "__main__":
    main()
