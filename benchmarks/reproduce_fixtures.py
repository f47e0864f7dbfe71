"""Score the codes on which disentanglement_lib was run, and write both results.

OMP_NUM_THREADS=1 python benchmarks/reproduce_fixtures.py
"""

import argparse
import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from lr_lightning.metrics.core.sample import Sampling
from lr_lightning.metrics.functional import (
    dci,
    explicitness,
    gaussian_total_correlation,
    gaussian_wasserstein_correlation,
    interventional_robustness_score,
    modularity_score,
    mutual_information_gap,
    separated_attribute_predictability,
)

ROOT = Path(__file__).parents[1]
FIXTURES = ROOT / "tests" / "metrics" / "reference"
TABLE = ROOT / "docs" / "reproductions" / "fixtures.csv"
SAMPLING = Sampling(num_train=2000, num_test=1000, order="first")


def scores(codes: torch.Tensor, factors: torch.Tensor) -> Iterator[tuple[str, str, float]]:
    """Yield function, name in the reference and value of each score."""
    trees = dci(codes, factors, estimator="gbt", sampling=SAMPLING)
    histograms = dci(codes, factors, sampling=SAMPLING)
    for name in ("disentanglement", "completeness", "informativeness_test"):
        yield "dci(estimator='gbt')", f"dci_gbt.{name}", trees[f"gbt_{name}"]
        yield "dci", f"dci_gbt.{name}", histograms[f"lightgbm_{name}"]
    yield "mutual_information_gap", "mig", mutual_information_gap(codes, factors, sampling=SAMPLING).value
    linear = separated_attribute_predictability(codes, factors, sampling=SAMPLING)
    yield "separated_attribute_predictability", "sap_linear_svc", linear["sap_linear_svc"]
    squared = separated_attribute_predictability(codes, factors, predictor="r2", sampling=SAMPLING)
    yield "separated_attribute_predictability(predictor='r2')", "sap_continuous", squared["sap_r2"]
    yield "modularity_score", "modularity", modularity_score(codes, factors, sampling=SAMPLING).value
    yield (
        "explicitness",
        "explicitness_auc_test",
        explicitness(codes, factors, sampling=SAMPLING)["explicitness_auc_test"],
    )
    irs = interventional_robustness_score(codes, factors, sampling=SAMPLING)
    yield "interventional_robustness_score", "irs_q99", irs["irs_q99"]
    for function in (gaussian_total_correlation, gaussian_wasserstein_correlation):
        yield function.__name__, function.__name__, function(codes, factors, sampling=SAMPLING).value


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=TABLE, help="CSV file")
    options = parser.parse_args()
    expected = json.loads((FIXTURES / "expected.json").read_text())
    rows = []
    for path in sorted(FIXTURES.glob("*.npz")):
        with np.load(path, allow_pickle=False) as arrays:
            codes, factors = torch.from_numpy(arrays["codes"]), torch.from_numpy(arrays["factors"])
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*is infinite")  # of the duplicated codes, as in the reference
            for function, key, value in scores(codes, factors):
                outer, _, inner = key.partition(".")
                reference = expected[path.stem][outer]
                reference = reference[inner] if inner else float("inf") if reference is None else reference
                rows.append((function, key, path.stem, value, reference))
    table = pd.DataFrame(rows, columns=["function", "score", "codes", "obtained", "reference"])
    options.table.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.table, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
