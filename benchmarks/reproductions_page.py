"""Write the tables of ``docs/reproductions.md`` from the files in ``docs/reproductions/``.

python benchmarks/reproductions_page.py
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from marked_tables import MarkedPage
from measuring import Cell, Table
from torch import Tensor

from lr_lightning.assays import causal_completeness_score, causal_disentanglement_score, owned_factors
from lr_lightning.assays.response_graph import response_graph

DOCS = Path(__file__).parents[1] / "docs"

CODES = {"lr_lightning": "obtained", "authors": "reference: the authors' code"}
KAPPA = 0.5
"""The factor of the paper, which the matrices in the table do not have."""
SCORES = {
    "dci_lightgbm_disentanglement": "dci",
    "mig": "mig",
    "irs_q99": "irs",
    "modularity": "modularity",
}
RESPONSES = {"assay/conditioned_response/cds_norm": "CDS_norm", "assay/conditioned_response/ccs_norm": "CCS_norm"}


def released_vae(path: Path) -> Table:
    """Return the scores of all draws together, with the lowest and highest of one draw, one column for each code."""
    table = pd.read_csv(path)
    columns: dict[str, dict[str, str]] = {}
    for code, title in CODES.items():
        rows = table[table.code == code]
        if rows.empty:
            continue
        draws = [_matrix(each) for _, each in rows[rows.matrix == "conditioned"].groupby("draw")]
        pooled, singles = _scores(torch.stack(draws).mean(dim=0)), [_scores(draw) for draw in draws]
        column = {name: f"{value:.3f}{_range([each[name] for each in singles])}" for name, value in pooled.items()}
        graph = response_graph(KAPPA**0.5 * _matrix(rows[rows.matrix == "response"]))
        column["active latents (response above .5)"] = str(int(graph.active.sum()))
        column["pairs of latents that affect each other (above .1)"] = str(len(graph.bidirectional))
        column["effects in one direction only (above .1)"] = str(len(graph.directed))
        columns[f"{title}, {len(draws)} x {rows.traversals.iloc[0]} traversals"] = column
    lines: list[list[Cell]] = [[name, *(column[name] for column in columns.values())] for name in column]
    return Table("", ["quantity", *columns], lines)


def disentangling_vae(path: Path) -> Table:
    """Return reconstruction loss and KL divergence of each model, and how far KL divergences of latents differ."""
    lines: list[list[Cell]] = []
    for model, rows in pd.read_csv(path).groupby("model", sort=True):
        values = rows.set_index("quantity")
        latents = values[values.index.str.fullmatch(r"kl_loss_\d+")]
        pairs = [f"{values.obtained[key]:.5f} / {values.reference[key]:.5f}" for key in ("kl_loss", "recon_loss")]
        lines.append([f"`{model}`", *pairs, f"{(latents.obtained - latents.reference).abs().max():.1e}"])
    columns = ["model", "KL", "reconstruction", "largest difference of a latent's KL"]
    return Table("", columns, lines)


def fixtures(path: Path) -> Table:
    """Return each score on each table of codes, and the largest difference."""
    table = pd.read_csv(path)
    names = sorted(table.codes.unique())
    lines: list[list[Cell]] = []
    for (function, score), rows in table.groupby(["function", "score"], sort=True):
        values = rows.set_index("codes")
        differences = (values.obtained - values.reference).abs().dropna()  # infinite in both: no number
        pairs = [f"{values.obtained[name]:.3f} / {values.reference[name]:.3f}" for name in names]
        lines.append([f"`{function}`", f"`{score}`", *pairs, f"{differences.max():.1e}"])
    return Table(
        "", ["function", "score of the reference", *(f"`{name}`" for name in names), "largest difference"], lines
    )


def small_leeb2022(path: Path) -> Table:
    """Return the scores of the small study beside those of the paper's full training."""
    table = pd.read_csv(path)
    references = pd.read_csv(path.with_name("companion_references.csv")).set_index("model")
    lines: list[list[Cell]] = []
    for model, rows in table.groupby("objective", sort=False):
        values = rows.groupby("name").value
        pairs = [
            f"{_values(values.get_group(key))} / {references[column][model]:.3f}" for key, column in SCORES.items()
        ]
        lines.append([model, *pairs, *(_values(values.get_group(key)) for key in RESPONSES)])
    titles = ["DCI", "MIG", "IRS", "modularity", *RESPONSES.values()]
    return Table("", ["model", *titles], lines)


PAGE = MarkedPage(
    DOCS / "reproductions.md",
    DOCS / "reproductions",
    "reproductions_page.py",
    {table.__name__: table for table in (released_vae, disentangling_vae, fixtures, small_leeb2022)},
)


def _matrix(rows: Any) -> Tensor:
    latents = [name for name in rows.columns if name.startswith("latent_")]
    return torch.from_numpy(rows.sort_values("row")[latents].to_numpy())


def _scores(conditioned: Tensor) -> dict[str, float]:
    return {
        "CDS": float(causal_disentanglement_score(conditioned)),
        "CDS_norm": float(causal_disentanglement_score(conditioned, normalized=True)),
        "CCS": float(causal_completeness_score(conditioned)),
        "CCS_norm": float(causal_completeness_score(conditioned, normalized=True)),
        "share of factors that own a latent": float(owned_factors(conditioned)),
    }


def _range(values: Sequence[float]) -> str:
    return f" ({min(values):.3f}-{max(values):.3f})" if len(values) > 1 else ""


def _values(values: Any) -> str:
    """Return the mean over seeds."""
    return f"{values.mean():.3f}"


if __name__ == "__main__":
    PAGE.write()
