"""The table of the released VAE's matrices."""

from pathlib import Path

import torch
from reproduce_released_vae import Matrices, measure_missing


def test_draws_are_added_and_never_measured_again() -> None:
    measured = []

    def measure(draw: int) -> Matrices:
        measured.append(draw)
        return Matrices(torch.full((1, 2), float(draw)), torch.eye(2) if draw == 0 else None)

    path = Path("table.csv")
    measure_missing(path, "authors", 1, measure)
    measure_missing(path, "lr_lightning", 1, measure)
    measure_missing(path, "authors", 2, measure)
    assert measured == [0, 0, 1]
    assert path.read_text().splitlines() == [
        "code,traversals,draw,matrix,row,latent_0,latent_1",
        "authors,2,0,conditioned,0,0.00000,0.00000",
        "authors,2,0,response,0,1.00000,0.00000",
        "authors,2,0,response,1,0.00000,1.00000",
        "lr_lightning,10,0,conditioned,0,0.00000,0.00000",
        "lr_lightning,10,0,response,0,1.00000,0.00000",
        "lr_lightning,10,0,response,1,0.00000,1.00000",
        "authors,2,1,conditioned,0,1.00000,1.00000",
    ]
