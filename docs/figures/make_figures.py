"""Draws the figures of the pages of assays: each for the model that is shipped, and for the same one after 30 steps.

::

    OMP_NUM_THREADS=1 python docs/figures/make_figures.py

It takes about five minutes. Figures are reduced to 64 colors and to the largest of some widths at which a file is small
enough for the repository. Run it again when the shipped model or a figure changes.
"""

import tempfile
from pathlib import Path

from PIL import Image

import lr_lightning as lr
from lr_lightning.runs import Run

FOLDER = Path(__file__).parent
STEPS = 30
WIDTHS, COLORS, LARGEST = (800, 640, 480, 400, 320), 64, 60_000
"""Size of the figures: pixels, colors, and bytes of a file."""

FIGURES = {
    "response_matrix": "response_matrix-matrix",
    "conditioned_response": "conditioned_response-matrix",
    "latent_statistics": "latent_statistics-latents",
    "reconstruction": "reconstruction-samples",
    "latent_traversal": "latent_traversal-images",
    "response_map": "response_map-latents_*",
    "response_jacobian": "response_jacobian-spectrum",
    "decoder_geometry": "decoder_geometry-metric",
    "decoder_interaction": "decoder_interaction-matrix",
    "dynamics": "dynamics-attractors",
    "noise_recovery": "noise_recovery-curve",
    "response_path": "response_path-cost",
    "sampling": "sampling-structure_score",
    "consistency": "consistency-equivariance",
    "factor_topology": "factor_topology-distances",
    "disentanglement": "metric-mig-matrix",
}
"""The figure on the page of each assay, as a pattern of its file in a report."""


def main() -> None:
    """Draw all figures."""
    shipped = lr.load_run("demo")
    with tempfile.TemporaryDirectory() as folder:
        values = {"trainer.max_steps": STEPS, "trainer.max_epochs": None, "assays": None, "wandb.mode": "disabled"}
        poor = lr.fit(shipped.config, values, folder=Path(folder) / "poor", quiet=True)
        draw(shipped, "best", "demo", Path(folder) / "report_demo")
        draw(poor, "last", "poor", Path(folder) / "report_poor")


def draw(run: Run, checkpoint: str, name: str, report: Path) -> None:
    """Save the figures of one model."""
    run.assay(report, checkpoint=checkpoint, assays=list(FIGURES), quiet=True)
    for assay, pattern in FIGURES.items():
        found = sorted(report.rglob(f"{pattern}-*.png")) or sorted(report.rglob(f"{pattern}.png"))
        if not found:
            raise FileNotFoundError(f"the report of {name} has no figure {pattern}")
        reduce(found[0], FOLDER / f"{assay}_{name}.png")


def reduce(source: Path, target: Path) -> None:
    """Save a smaller copy of a figure.

    Raises:
        ValueError: If it is still too large for the repository.
    """
    with Image.open(source) as image:
        colored = image.convert("RGB")
    for width in WIDTHS:
        size = (width, round(colored.height * width / colored.width))
        smaller = colored.resize(size, Image.Resampling.LANCZOS) if width < colored.width else colored
        # Maximum coverage: the median cut would spend its colors on the largest areas, and lose rare hues
        reduced = smaller.quantize(COLORS, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)
        reduced.save(target, optimize=True)
        if target.stat().st_size <= LARGEST:
            return
    raise ValueError(f"{target} has {target.stat().st_size} bytes, more than {LARGEST}")


if __name__ == "__main__":
    main()
