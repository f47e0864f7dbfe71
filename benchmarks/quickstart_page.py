"""Write the tables of ``docs/studies/quickstart.md`` from the files beside it.

python benchmarks/quickstart_page.py
"""

from pathlib import Path
from typing import Any

import pandas as pd
from marked_tables import MarkedPage, mean_and_deviation
from measuring import Cell, Table

FOLDER = Path(__file__).parents[1] / "docs" / "studies"
CONDITIONED = "assay/conditioned_response"
SCORES = {
    "CDS": f"{CONDITIONED}/cds",
    "chance": f"{CONDITIONED}/cds_chance",
    "CCS": f"{CONDITIONED}/ccs",
    "FactorVAE score": "factor_vae_score_train",
    "MIG": "mig",
    "DCI": "dci_lightgbm_disentanglement",
    "reconstruction": "test/reconstruction",
}
OWNED = f"{CONDITIONED}/owned_factors"
NUM_FACTORS = 6


def scores_of_cells(path: Path) -> Table:
    """Return one row for each cell of a study: means and standard deviations over its seeds."""
    lines: list[list[Cell]] = []
    for label, rows in pd.read_csv(path).groupby("label", sort=False):
        values = rows.groupby("name").value
        owned = (NUM_FACTORS * values.get_group(OWNED)).round().astype(int)
        seeds = ", ".join(str(seed) for seed in sorted(rows.seed.unique()))
        scores = (_spread(values.get_group(name)) for name in SCORES.values())
        lines.append([str(label), seeds, *scores, ", ".join(map(str, owned))])
    return Table("", ["recipe", "seeds", *SCORES, f"factors owned, of {NUM_FACTORS}"], lines)


def _spread(values: Any) -> str:
    return mean_and_deviation(values, 0 if values.abs().max() > 10 else 3)


PAGE = MarkedPage(
    FOLDER / "quickstart.md",
    FOLDER,
    "quickstart_page.py",
    {"quickstart_recipes": scores_of_cells, "quickstart_seeds": scores_of_cells},
)


if __name__ == "__main__":
    PAGE.write()
