r"""Composes the picture of the README from the figures of a report on a run of the quickstart.

::

    lr-lightning fit --config quickstart
    lr-lightning assay runs/quickstart/checkpoints/last.ckpt --out report \
      --assays latent_traversal,conditioned_response,reconstruction \
      --assays.conditioned_response.num_traversals 50 --assays.conditioned_response.num_samples 32
    python docs/figures/make_quickstart.py report
"""

import sys
from pathlib import Path

from PIL import Image

PICTURE = Path(__file__).parents[1] / "quickstart.png"
WIDTH, COLORS = 1200, 256
LEFT = ("latent_traversal-images",)
RIGHT = ("conditioned_response-matrix", "reconstruction-samples")


def column(report: Path, names: tuple[str, ...], width: int) -> Image.Image:
    """Return figures of a report below one another, all ``width`` pixels wide."""
    files = [next((report / "figures").glob(f"{name}-*.png")) for name in names]
    figures = [Image.open(file).convert("RGB") for file in files]
    figures = [each.resize((width, each.height * width // each.width), Image.Resampling.LANCZOS) for each in figures]
    joined = Image.new("RGB", (width, sum(each.height for each in figures)), "white")
    top = 0
    for each in figures:
        joined.paste(each, (0, top))
        top += each.height
    return joined


def picture(report: Path) -> Image.Image:
    """Return the traversals on the left, and matrix and reconstructions on the right, centered vertically."""
    sides = [column(report, names, WIDTH // 2) for names in (LEFT, RIGHT)]
    joined = Image.new("RGB", (WIDTH, max(side.height for side in sides)), "white")
    for number, side in enumerate(sides):
        joined.paste(side, (number * WIDTH // 2, (joined.height - side.height) // 2))
    return joined.quantize(COLORS, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)


if __name__ == "__main__":
    picture(Path(sys.argv[1])).save(PICTURE, optimize=True)
