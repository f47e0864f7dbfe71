"""Measure response matrices of the VAE released with the latent-response paper, here and with the authors' code.

    lr-lightning import leeb2022 latent-responses/model_a.pt --out runs/leeb2022_vae
    OMP_NUM_THREADS=1 python benchmarks/reproduce_released_vae.py runs/leeb2022_vae
    OMP_NUM_THREADS=1 python benchmarks/reproduce_released_vae.py latent-responses --authors_code

Both measure rendered 3DShapes. The second command needs a checkout of the authors' repository, whose classes then
compute the model and the matrices. The conditioned matrix is a mean over traversals, so draws of a few traversals add
up to one of many, and show how much it varies. The latent response matrix is measured with the first draw only. Rows
are appended to the table, and draws that it has already are not measured again.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor

import lr_lightning
from lr_lightning.assays import Autoencoder, conditioned_response_matrix, prior_samples, response_matrix
from lr_lightning.data import RenderedShapes3D

TABLE = Path(__file__).parents[1] / "docs" / "reproductions" / "released_vae.csv"
NUM_TRAVERSALS = {"lr_lightning": 10, "authors": 2}
"""Traversals of each draw by code; a traversal takes the authors' code two and a half times as long."""
NUM_SAMPLES, NUM_CODES = 32, 128


class Matrices(NamedTuple):
    """What is measured, in the convention of the authors' code: without the paper's factor 1/2.

    Attributes:
        conditioned: ``(K, D)``.
        response: ``(D, D)``; ``None`` if it was not measured.
    """

    conditioned: Tensor
    response: Tensor | None


def measured(model: Autoencoder, draw: int) -> Matrices:
    """Return the matrices that this package measures."""
    generator = torch.Generator().manual_seed(draw)
    conditioned = conditioned_response_matrix(
        model,
        dataset=RenderedShapes3D(),
        num_traversals=NUM_TRAVERSALS["lr_lightning"],
        num_samples=NUM_SAMPLES,
        convention="release",
        generator=generator,
    )
    if draw > 0:
        return Matrices(conditioned.matrix, None)
    base, donors = (prior_samples(NUM_CODES, model.latent_dim, generator) for _ in range(2))
    return Matrices(conditioned.matrix, response_matrix(model, base, donors, pair=True, convention="release").matrix)


def measured_by_authors(checkout: Path, draw: int) -> Matrices:
    """Return the matrices that the authors' code measures, with the authors' model class."""
    if not hasattr(np, "product"):  # removed in NumPy 2
        setattr(np, "product", np.prod)  # noqa: B010
    sys.path.insert(0, str(checkout))
    shapes, responses = import_module("src.shapes"), import_module("src.responses")
    model = shapes.ShapesVAE()
    model.load_state_dict(torch.load(checkout / "model_a.pt", map_location="cpu", weights_only=True))
    model.eval()
    generator = torch.Generator().manual_seed(draw)
    with torch.no_grad():
        conditioned = responses.conditioned_response_mat(
            model,
            _authors_dataset(responses),
            num_traversals=NUM_TRAVERSALS["authors"],
            batch_size=NUM_SAMPLES,
            gen=generator,
        )
        if draw > 0:
            return Matrices(conditioned, None)
        return Matrices(conditioned, responses.response_mat(model, num_samples=NUM_CODES, gen=generator))


def _authors_dataset(responses: Any) -> Any:
    """Return a data set of the authors' kind whose images are rendered."""
    rendered = RenderedShapes3D()
    space = rendered.factor_space

    class Rendered(responses.FactorDataset):  # type: ignore[misc]
        def images_given_index(self, indices: Tensor) -> Tensor:
            images: Tensor = rendered.images(space.indices(indices)).float().div(255)
            return images

    return Rendered(list(space.names), dict(zip(space.names, space.sizes, strict=True)))


def rows_of(code: str, draw: int, matrices: Matrices) -> pd.DataFrame:
    """Return one row for each row of the matrices."""
    rows = [
        {"code": code, "traversals": str(NUM_TRAVERSALS[code]), "draw": str(draw), "matrix": name, "row": str(number)}
        | {f"latent_{latent}": f"{value:.5f}" for latent, value in enumerate(values)}
        for name, matrix in matrices._asdict().items()
        if matrix is not None
        for number, values in enumerate(matrix.tolist())
    ]
    return pd.DataFrame(rows)


def measure_missing(path: Path, code: str, num_draws: int, measure: Callable[[int], Matrices]) -> None:
    """Measure the draws that the table lacks, and write each when it is done."""
    empty = pd.DataFrame(columns=["code", "traversals", "draw"], dtype=str)
    table = pd.read_csv(path, dtype=str) if path.is_file() else empty
    present = set(table[["code", "draw"]].itertuples(index=False, name=None))
    for draw in range(num_draws):
        if (code, str(draw)) not in present:
            table = pd.concat([table, rows_of(code, draw, measure(draw))])
            path.parent.mkdir(parents=True, exist_ok=True)
            table.to_csv(path, index=False)
            print(f"{code}: draw {draw + 1} of {num_draws}", flush=True)


def main() -> None:
    """Measure and write the rows of one code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="run folder of the imported model, or checkout of the authors' code")
    parser.add_argument("--authors_code", action="store_true", help="measure with the authors' code")
    parser.add_argument("--draws", type=int, default=5, help="number of draws")
    parser.add_argument("--table", type=Path, default=TABLE, help="CSV file")
    options = parser.parse_args()
    if options.authors_code:
        measure_missing(options.table, "authors", options.draws, partial(measured_by_authors, options.path))
    else:
        model = cast(Autoencoder, lr_lightning.load_run(options.path).model())
        measure_missing(options.table, "lr_lightning", options.draws, partial(measured, model))


if __name__ == "__main__":
    main()
