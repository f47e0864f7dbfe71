"""Time the rendered data sets against gathering batches of the same size from images in memory.

python benchmarks/rendering.py --batch-size 64 --num-threads 1
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.sets.rendered_dsprites import RenderedDSprites
from lr_lightning.data.sets.rendered_shapes3d import RenderedShapes3D

RESIDENT_IMAGES = 20_000  # enough to exceed the CPU caches


def seconds_per_call(function: Callable[[Tensor], Tensor], indices: Tensor, device: str) -> float:
    """Return the wall time of one call, including pending work on the device."""
    start = time.perf_counter()
    function(indices)
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - start


def median(values: list[float]) -> float:
    """Return the median, which is robust to a busy machine."""
    return torch.tensor(values, dtype=torch.float64).median().item()


def report(build: Callable[[], FactorDataset], batch_size: int, num_batches: int, device: str) -> None:
    """Print the time until a data set is ready, and the times of rendering and gathering, in turns."""
    start = time.perf_counter()
    dataset = build().to(device)
    ready = time.perf_counter() - start

    generator = torch.Generator().manual_seed(0)
    resident = torch.randint(256, (RESIDENT_IMAGES, *dataset.image_shape), generator=generator, dtype=torch.uint8)
    resident = resident.to(device)
    draw, gather = [], []
    for _ in range(num_batches):
        indices = torch.randint(len(dataset), (batch_size,), generator=generator)
        draw.append(seconds_per_call(dataset.images, indices, device))
        in_memory = (indices % RESIDENT_IMAGES).to(device)
        gather.append(seconds_per_call(lambda i: resident.index_select(0, i), in_memory, device))
    drawn, gathered = (1e6 * median(times) / batch_size for times in (draw, gather))
    print(
        f"{dataset.name:20} ready in {ready:.2f} s; {drawn:6.2f} us/image = {1e6 / drawn:9,.0f} images/s; "
        f"gather {gathered:5.2f} us/image, ratio {drawn / gathered:.1f}"
    )


def main() -> None:
    """Report on both data sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--num-batches", type=int, default=200)
    parser.add_argument("--num-threads", type=int, default=1, help="threads of torch")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.num_threads)
    for build in (RenderedShapes3D, RenderedDSprites):
        report(build, args.batch_size, args.num_batches, args.device)


if __name__ == "__main__":
    main()
