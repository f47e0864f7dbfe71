r"""Composes the picture of the README from the figures of reports on the quickstart and on its unsupervised twin.

::

    for config in quickstart quickstart_unsupervised; do
      lr-lightning fit --config $config
      lr-lightning assay runs/$config/checkpoints/last.ckpt --out report_$config \
        --assays latent_traversal,conditioned_response,reconstruction \
        --assays.conditioned_response.num_traversals 50 --assays.conditioned_response.num_samples 32
    done
    python docs/figures/make_quickstart.py report_quickstart report_quickstart_unsupervised
"""

import sys
from pathlib import Path

from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

PICTURE = Path(__file__).parents[1] / "quickstart.png"
WIDTH, COLORS = 1200, 256
LEFT = ("latent_traversal-images", "reconstruction-samples")
MATRIX = "conditioned_response-matrix"
WITH_PAIRS, WITHOUT_PAIRS = "With pairs (the quickstart)", "Without pairs (β-VAE)"
FONT = Path(get_data_path(), "fonts", "ttf", "DejaVuSans-Bold.ttf")
LINE, GAP = 26, 40


def figure(report: Path, name: str, width: int) -> Image.Image:
    """Return a figure of a report, ``width`` pixels wide."""
    image = Image.open(next((report / "figures").glob(f"{name}-*.png"))).convert("RGB")
    return image.resize((width, image.height * width // image.width), Image.Resampling.LANCZOS)


def titled(image: Image.Image, title: str) -> Image.Image:
    """Return an image below a title."""
    whole = Image.new("RGB", (image.width, image.height + LINE), "white")
    whole.paste(image, (0, LINE))
    font = ImageFont.truetype(str(FONT), LINE * 2 // 3)
    ImageDraw.Draw(whole).text((image.width // 2, LINE // 2), title, "black", font, anchor="mm")
    return whole


def stacked(images: list[Image.Image], gap: int) -> Image.Image:
    """Return images of one width below one another."""
    height = sum(each.height for each in images) + gap * (len(images) - 1)
    joined = Image.new("RGB", (images[0].width, height), "white")
    top = 0
    for each in images:
        joined.paste(each, (0, top))
        top += each.height + gap
    return joined


def picture(supervised: Path, unsupervised: Path) -> Image.Image:
    """Return traversals and reconstructions on the left, the matrices of both models on the right."""
    left = [figure(supervised, name, WIDTH // 2) for name in LEFT]
    reports = {WITH_PAIRS: supervised, WITHOUT_PAIRS: unsupervised}
    right = [titled(figure(report, MATRIX, WIDTH // 2), title) for title, report in reports.items()]
    sides = [stacked(left, 0), stacked(right, GAP)]
    joined = Image.new("RGB", (WIDTH, max(side.height for side in sides)), "white")
    for number, side in enumerate(sides):
        joined.paste(side, (number * WIDTH // 2, (joined.height - side.height) // 2))
    return joined.quantize(COLORS, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)


if __name__ == "__main__":
    picture(*map(Path, sys.argv[1:])).save(PICTURE, optimize=True)
