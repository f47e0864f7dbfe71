"""What the README shows works as it is written."""

import re
from pathlib import Path

import torch

from lr_lightning.assays import ConditionedResponseMatrix
from tests.metrics.cases import reference_case

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_scores_in_python() -> None:
    [block] = [text for text in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "DisentanglementSuite" in text]
    codes, factors, expected = reference_case("noise_and_leak")
    matrix = torch.eye(4, 6)
    response = ConditionedResponseMatrix(matrix, (), (), 32, "paper", "mean", "diagonal")
    names = {
        "codes": codes,
        "factors": factors,
        "log_variances": torch.full_like(codes, -3.0),
        "response": response,
        "print": lambda *_: None,
    }
    exec(block, names)
    names["metric"].update(codes, factors)  # type: ignore[attr-defined]
    assert abs(names["metric"].compute().item() - expected["mig"]) < 0.03  # type: ignore[attr-defined]
    assert all(row.standard_error is not None for row in names["table"].rows)  # type: ignore[attr-defined]
