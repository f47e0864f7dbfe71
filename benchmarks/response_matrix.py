"""Time the response matrix against a naive implementation: one latent at a time, recomputing h(base) for each.

Both measure the same matrix, from the same donors. Prints the number of samples that each decodes and encodes, and the
ratio of the medians of interleaved timings. Set OMP_NUM_THREADS=1 on a machine that is not idle.

    python benchmarks/response_matrix.py --latent-dim 10 --samples 256
"""

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import torch
from measuring import Spread, interleaved, ratio
from torch import Tensor, nn

from lr_lightning.assays import intervene, marginal_donors, response_matrix


class ConvAutoencoder(nn.Module):
    """Small autoencoder of 1x64x64 images that counts the samples it decodes and encodes."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.samples = 0
        layers: list[nn.Module] = []
        for inputs, outputs in ((1, 16), (16, 32), (32, 32), (32, 32)):
            layers += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), nn.ReLU()]
        self.encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, latent_dim))
        layers = [nn.Linear(latent_dim, 512), nn.Unflatten(1, (32, 4, 4))]
        for inputs, outputs in ((32, 32), (32, 32), (32, 16), (16, 1)):
            layers += [nn.ReLU(), nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)]
        self.decoder = nn.Sequential(*layers, nn.Sigmoid())

    def encode(self, images: Tensor, /) -> Tensor:
        """Return codes (B, D)."""
        self.samples += len(images)
        codes: Tensor = self.encoder(images)
        return codes

    def decode(self, codes: Tensor, /) -> Tensor:
        """Return images (B, 1, 64, 64)."""
        self.samples += len(codes)
        images: Tensor = self.decoder(codes)
        return images


@torch.no_grad()
def plain_response_matrix(autoencoder: ConvAutoencoder, base: Tensor, donors: Tensor, batch_size: int) -> Tensor:
    """Return the response matrix, one latent and one batch at a time; h(base) is recomputed for every row."""
    rows = []
    for latent in range(base.shape[1]):
        moved = intervene(base, latent, donors[:, latent])
        total = torch.zeros(base.shape[1], dtype=torch.float64, device=base.device)
        for start in range(0, len(base), batch_size):
            batch = slice(start, start + batch_size)
            after = autoencoder.encode(autoencoder.decode(moved[batch]))
            before = autoencoder.encode(autoencoder.decode(base[batch]))
            total += (after - before).double().square().sum(dim=0)
        rows.append((total / (2 * len(base))).sqrt())
    return torch.stack(rows)


class Comparison(NamedTuple):
    """Comparison of two ways to compute the same numbers.

    Attributes:
        seconds: Time of each way, in each turn.
        samples: Number of samples that each way decoded and encoded.
    """

    seconds: dict[str, Spread]
    samples: dict[str, int]

    @property
    def time_ratio(self) -> Spread:
        """Time of the batched way divided by that of the plain way."""
        return ratio(self.seconds["batched"], self.seconds["plain"])


def compare(
    autoencoder: ConvAutoencoder,
    ways: Mapping[str, Callable[[], Tensor]],
    rounds: int,
    tolerance: tuple[float, float] = (1e-3, 1e-6),
) -> Comparison:
    """Time ``"plain"`` and ``"batched"`` of ``ways`` in turns.

    Args:
        autoencoder: The model that both use.
        ways: Each returns the same tensor.
        rounds: Number of runs of each, after a warm-up.
        tolerance: Relative and absolute tolerance between the two results.
    """
    samples = {}

    def counted(name: str) -> Tensor:
        autoencoder.samples = 0
        result = ways[name]().cpu()  # synchronizes with the device
        samples[name] = autoencoder.samples // 2
        return result

    seconds, results = interleaved({name: partial(counted, name) for name in ways}, rounds)
    torch.testing.assert_close(results["batched"], results["plain"], rtol=tolerance[0], atol=tolerance[1])
    return Comparison(seconds, samples)


def compare_response_matrices(
    latent_dim: int, samples: int, rounds: int, batch_size: int = 64, chunk_size: int | None = None, device: str = "cpu"
) -> Comparison:
    """Compare the response matrix of ``samples`` codes with the naive one, in batches of ``batch_size``."""
    torch.manual_seed(0)
    autoencoder = ConvAutoencoder(latent_dim).to(device).eval()
    base = torch.randn(samples, latent_dim, device=device)
    donors = marginal_donors(base)
    ways: dict[str, Callable[[], Tensor]] = {
        "plain": lambda: plain_response_matrix(autoencoder, base, donors, batch_size),
        "batched": lambda: response_matrix(autoencoder, base, donors, pair=True, chunk_size=chunk_size).matrix,
    }
    return compare(autoencoder, ways, rounds)


def main() -> None:
    """Run and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latent-dim", type=int, default=10)
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=64, help="batch size of the naive implementation")
    parser.add_argument("--chunk-size", type=int, help="chunk size of the assay")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    sizes = (options.latent_dim, options.samples, options.repeats, options.batch_size, options.chunk_size)
    found = compare_response_matrices(*sizes, device=options.device)
    dim = options.latent_dim
    for name, count in found.samples.items():
        print(f"{name:8} {count:8,} samples decoded and encoded, {found.seconds[name]} s")
    print(
        f"samples  ratio {found.samples['batched'] / found.samples['plain']:.3f}, "
        f"expected (D + 1) / 2D = {(dim + 1) / (2 * dim):.3f}"
    )
    print(f"time     ratio {found.time_ratio} on {options.device}")


if __name__ == "__main__":
    main()
