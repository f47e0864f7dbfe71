"""Time the response map of a slice against a naive implementation: one grid node at a time.

Both decode and encode the same codes and differentiate the same field. Prints the ratio of the medians of interleaved
timings. Set OMP_NUM_THREADS=1 on a machine that is not idle.

    python benchmarks/response_map.py --num-steps 32
"""

import argparse
from collections.abc import Callable

import torch
from response_matrix import ConvAutoencoder, compare  # the neighboring benchmark
from torch import Tensor

from lr_lightning.assays.latent_slice import LatentSlice
from lr_lightning.assays.response_map import response_map


@torch.no_grad()
def plain_field(autoencoder: ConvAutoencoder, base: Tensor, window: LatentSlice, num_steps: int) -> Tensor:
    """Return the field (n, n, 2) of the map by its definition, with a pass for each node."""
    first, second = window.latents
    field = torch.empty(num_steps, num_steps, 2, dtype=torch.float64)
    for i, a in enumerate(window.values(num_steps)[0]):
        for j, b in enumerate(window.values(num_steps)[1]):
            code = base.clone()
            code[first], code[second] = a, b
            moved = autoencoder.encode(autoencoder.decode(code[None]))[0] - code
            field[i, j] = moved[[first, second]].double()
    return field


def main() -> None:
    """Run and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latent-dim", type=int, default=10)
    parser.add_argument("--num-steps", type=int, default=32, help="grid nodes along each latent")
    parser.add_argument("--chunk-size", type=int, help="chunk size of the assay")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()

    torch.manual_seed(0)
    autoencoder = ConvAutoencoder(options.latent_dim).to(options.device).eval()
    base, window = torch.randn(options.latent_dim, device=options.device), LatentSlice((0, 1))
    ways: dict[str, Callable[[], Tensor]] = {
        "plain": lambda: plain_field(autoencoder, base, window, options.num_steps),
        "batched": lambda: (
            response_map(autoencoder, base, window, num_steps=options.num_steps, chunk_size=options.chunk_size).field
        ),
    }
    found = compare(autoencoder, ways, options.repeats, tolerance=(1e-3, 1e-5))
    for name, seconds in found.seconds.items():
        print(f"{name:8} {options.num_steps**2:6,} nodes, {seconds} s")
    print(f"time     ratio {found.time_ratio} on {options.device}")


if __name__ == "__main__":
    main()
