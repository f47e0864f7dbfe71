"""Write the tables of ``docs/which_score.md`` from the files in ``docs/studies``.

python benchmarks/which_score_page.py
"""

from pathlib import Path
from typing import Any

import pandas as pd
from marked_tables import MarkedPage, mean_and_deviation
from measuring import Cell, Table
from score_titles import CODE_SCORES

DOCS = Path(__file__).parents[1] / "docs"
WITH_PAIRS, WITHOUT_PAIRS = "Ada-GVAE", "β-VAE"
SCORES = {
    "mig": "MIG",
    "dci_lightgbm_disentanglement": "DCI disentanglement",
    **CODE_SCORES,
    "factor_vae_score_train": "FactorVAE score",
    "beta_vae_score_train": "BetaVAE score",
    "assay/conditioned_response/cds": "CDS",
    "assay/conditioned_response/ccs": "CCS",
    "assay/conditioned_response/owned_factors": "owned factors",
    "assay/response_matrix/independence": "independence",
    "assay/response_matrix/active_latents": "active latents",
    "gaussian_total_correlation": "total correlation",
    "test/kl": "KL divergence",
    "test/reconstruction": "reconstruction",
}

CHANCE = {"assay/conditioned_response/cds": "assay/conditioned_response/cds_chance"}
"""Chance levels that are scores themselves; others are recorded with their score."""


def quickstart_seeds(path: Path) -> Table:
    """Return how far each score tells models with weak supervision from models without it.

    The distance is that of the means, in standard deviations of a single model (pooled over both groups); none if no
    model differs from the others of its group. The last column is the share of all pairs, one model of each group, in
    which the supervised one has the larger value; ties count half.
    """
    values = pd.read_csv(path).set_index(["label", "name"]).sort_index()
    lines: list[list[Cell]] = []
    for name, title in SCORES.items():
        rows = [values.loc[[(label, name)]] for label in (WITH_PAIRS, WITHOUT_PAIRS)]
        supervised, unsupervised = (row.value.to_numpy() for row in rows)
        pooled = ((supervised.var(ddof=1) + unsupervised.var(ddof=1)) / 2) ** 0.5
        distance = f"{(supervised.mean() - unsupervised.mean()) / pooled:+.1f}" if pooled else ""
        differences = supervised[:, None] - unsupervised
        share = ((differences > 0) + 0.5 * (differences == 0)).mean()
        lines.append([title, *map(_spread, rows), _chance(values, name), distance, f"{share:.2f}"])
    columns = ["score", f"{WITH_PAIRS}, told the pairs", f"{WITHOUT_PAIRS}, told nothing"]
    return Table("", [*columns, "chance", "distance", "ordered"], lines)


def _spread(rows: Any) -> str:
    largest = rows.value.abs().max()
    return mean_and_deviation(rows.value, 0 if largest > 100 else 1 if largest > 10 else 2)


def _chance(values: Any, name: str) -> str:
    rows = values.xs(CHANCE.get(name, name), level="name")
    chance = rows.value if name in CHANCE else rows.chance
    return "" if chance.isna().all() else f"{chance.mean():.2f}"


PAGE = MarkedPage(
    DOCS / "which_score.md", DOCS / "studies", "which_score_page.py", {"quickstart_seeds": quickstart_seeds}
)


if __name__ == "__main__":
    PAGE.write()
