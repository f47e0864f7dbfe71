"""Decode pictures with Pillow and with torchvision: speed, pixels, damaged files; and convert a folder with more cores.

    OMP_NUM_THREADS=1 python benchmarks/picture_decoding.py

Both decode a file in memory to a tensor ``(3, H, W)``. The pictures are the sample photographs of scikit-learn, scaled.
Damaged files are decoded in processes of their own, because a decoder may end its process.
"""

import argparse
import io
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from measuring import Spread, Table, interleaved, ratio
from mutations import BYTES, mutate
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import v2

from lr_lightning.common.cores import num_cores
from lr_lightning.data.storage import parallel_blocks
from lr_lightning.data.storage.fixed_transforms import FixedTransforms
from lr_lightning.data.storage.image_folder import FolderImages
from lr_lightning.data.storage.pictures import pixels_of

SIZES = {"CelebA": (178, 218), "12 megapixels": (4000, 3000)}  # width, height
FORMATS = ("JPEG", "PNG")


def encoded(size: tuple[int, int], file_format: str, number: int = 0) -> bytes:
    """Return a photograph as the content of a file."""
    pixels = load_sample_image(("flower.jpg", "china.jpg")[number % 2])
    scaled = np.array(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)).astype(int)
    noise = np.random.default_rng(number).integers(-4, 5, scaled.shape)  # of a sensor
    content = io.BytesIO()
    Image.fromarray((scaled + noise).clip(0, 255).astype(np.uint8)).save(content, file_format, quality=90)
    return content.getvalue()


def with_pillow(content: bytes) -> Tensor:
    """Decode as data sets do."""
    with Image.open(io.BytesIO(content)) as image:
        return pixels_of(image, "it").expand(3, -1, -1)


def with_torchvision(content: bytes) -> Tensor:
    """Decode with the functions that torchvision deprecates since 0.29."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        decoded: Tensor = decode_image(torch.frombuffer(bytearray(content), dtype=torch.uint8), ImageReadMode.RGB)
    return decoded


def speed(rounds: int) -> Table:
    """Time both decoders in turns."""
    rows = []
    for name, size in SIZES.items():
        for file_format in FORMATS:
            content, repeats = encoded(size, file_format), max(1, 2_000_000 // (size[0] * size[1]))
            ways: dict[str, Callable[[], Tensor]] = {
                way.__name__: partial(repeated, way, content, repeats) for way in (with_pillow, with_torchvision)
            }
            seconds, results = interleaved(ways, rounds)
            pillow, torchvision = (seconds[way].scaled(1000 / repeats) for way in ways)
            equal = torch.equal(*results.values())
            rows.append([name, file_format, pillow, torchvision, ratio(pillow, torchvision), "yes" if equal else "no"])
    columns = ["picture", "format", "Pillow [ms]", "torchvision [ms]", "ratio", "pixels equal"]
    return Table("Decoding", columns, rows)  # type: ignore[arg-type]


def repeated(decode: Callable[[bytes], Tensor], content: bytes, repeats: int) -> Tensor:
    """Decode several times, and return the last result."""
    for _ in range(repeats - 1):
        decode(content)
    return decode(content)


def decode_damaged(file_format: str, decode: Callable[[bytes], Tensor], number: int) -> None:
    """Decode ``number`` damaged files; print the outcomes."""
    random, outcomes = np.random.default_rng(0), Counter[str]()
    intact = encoded((40, 30), file_format)
    for _ in range(number):
        content = mutate(intact, BYTES, random)
        try:
            if Image.open(io.BytesIO(content)).width < 4096:  # as the size is checked before decoding
                decode(content)
            outcomes["decoded"] += 1
        except Exception:  # any error is fine
            outcomes["refused"] += 1
    print(dict(outcomes))


def damaged(number: int) -> Table:
    """Decode damaged files in processes of their own."""
    rows: list[list[str | float | Spread | None]] = []
    for file_format in FORMATS:
        for decoder in ("with_pillow", "with_torchvision"):
            command = [sys.executable, __file__, "--damaged", file_format, decoder, "--number", str(number)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            outcome = done.stdout.strip() if done.returncode == 0 else f"process ended by signal {-done.returncode}"
            rows.append([file_format, decoder, outcome])
    return Table(f"{number} damaged files", ["format", "decoder", "outcome"], rows)


def conversion(folder: Path, rounds: int) -> Table:
    """Convert folders of pictures to 64 x 64 with one core and with all."""
    rows, cores = [], num_cores()
    for (name, size), number in zip(SIZES.items(), (512, 16), strict=True):
        paths = [folder / f"{name}_{i}.jpg" for i in range(number)]
        for i, path in enumerate(paths):
            path.write_bytes(encoded(size, "JPEG", i))
        source = FolderImages(paths, FixedTransforms([v2.Resize(64), v2.CenterCrop(64)]))
        ways = {"one": partial(converted, source, 1), "all": partial(converted, source, cores)}
        seconds, _ = interleaved(ways, rounds)
        one, all_ = (seconds[way].scaled(1000 / number) for way in ways)
        rows.append([name, one, all_, ratio(one, all_)])
    columns = ["pictures", "1 core [ms per picture]", f"{cores} cores [ms per picture]", "ratio"]
    return Table("Conversion", columns, rows)  # type: ignore[arg-type]


def converted(source: FolderImages, cores: int) -> int:
    """Read all blocks with a number of threads."""
    with patch.object(parallel_blocks, "num_cores", lambda: cores):
        return sum(len(block) for block in source.blocks())


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--number", type=int, default=2000, help="damaged files of each format")
    parser.add_argument("--damaged", nargs=2, metavar=("FORMAT", "DECODER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.damaged:
        file_format, decoder = arguments.damaged
        decode_damaged(file_format, globals()[decoder], arguments.number)
        return
    with tempfile.TemporaryDirectory() as folder:
        tables = [speed(arguments.rounds), damaged(arguments.number), conversion(Path(folder), arguments.rounds)]
    print("\n".join(table.markdown() for table in tables))


if __name__ == "__main__":
    main()
