"""Write the tables of ``docs/reproductions.md`` from the files in ``docs/reproductions/``.

python benchmarks/reproductions_page.py
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from measuring import Cell, Table
from torch import Tensor

from lr_lightning.assays import causal_completeness_score, causal_disentanglement_score, owned_factors
from lr_lightning.assays.response_graph import response_graph

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "reproductions.md"
FOLDER = DOCS / "reproductions"

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


def released_vae(folder: Path) -> Table:
    """Return the scores of all draws together, with the lowest and highest of one draw, one column for each code."""
    table = pd.read_csv(folder / "released_vae.csv")
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


def disentangling_vae(folder: Path) -> Table:
    """Return reconstruction loss and KL divergence of each model, and how far KL divergences of latents differ."""
    lines: list[list[Cell]] = []
    for model, rows in pd.read_csv(folder / "disentangling_vae.csv").groupby("model", sort=True):
        values = rows.set_index("quantity")
        latents = values[values.index.str.fullmatch(r"kl_loss_\d+")]
        pairs = [f"{values.obtained[key]:.5f} / {values.reference[key]:.5f}" for key in ("kl_loss", "recon_loss")]
        lines.append([f"`{model}`", *pairs, f"{(latents.obtained - latents.reference).abs().max():.1e}"])
    columns = ["model", "KL", "reconstruction", "largest difference of a latent's KL"]
    return Table("", columns, lines)


def fixtures(folder: Path) -> Table:
    """Return each score on each table of codes, and the largest difference."""
    table = pd.read_csv(folder / "fixtures.csv")
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


def small_leeb2022(folder: Path) -> Table:
    """Return the scores of the small study beside those of the paper's full training."""
    table = pd.read_csv(folder / "small_leeb2022.csv")
    references = pd.read_csv(folder / "companion_references.csv").set_index("model")
    lines: list[list[Cell]] = []
    for model, rows in table.groupby("objective", sort=False):
        values = rows.groupby("name").value
        pairs = [
            f"{_values(values.get_group(key))} / {references[column][model]:.3f}" for key, column in SCORES.items()
        ]
        lines.append([model, *pairs, *(_values(values.get_group(key)) for key in RESPONSES)])
    titles = ["DCI", "MIG", "IRS", "modularity", *RESPONSES.values()]
    return Table("", ["model", *titles], lines)


TABLES: dict[str, Callable[[Path], Table]] = {
    table.__name__: table for table in (released_vae, disentangling_vae, fixtures, small_leeb2022)
}


def markers(name: str) -> tuple[str, str]:
    """Return the lines before and after a table."""
    return f"<!-- {name}: begin (written by benchmarks/reproductions_page.py) -->", f"<!-- {name}: end -->"


def with_tables(page: str, folder: Path = FOLDER) -> str:
    """Return the page with all tables between their markers, as far as their files exist.

    Raises:
        ValueError: If a marker is missing.
    """
    for name, table in TABLES.items():
        begin, end = markers(name)
        if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
            raise ValueError(f"the page must contain the lines {begin!r} and {end!r} once, in this order")
        before, after = page[: page.index(begin)], page[page.index(end) :]
        if (folder / f"{name}.csv").is_file():
            lines = "\n".join(line for line in table(folder).markdown().splitlines() if line.startswith("|"))
        else:
            lines = "Not measured yet."
        page = f"{before}{begin}\n\n{lines}\n\n{after}"
    return page


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
    PAGE.write_text(with_tables(PAGE.read_text()))
