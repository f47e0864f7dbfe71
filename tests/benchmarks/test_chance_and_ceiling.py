"""The simulation of chance and ceilings, and its table in the documentation."""

import math
from pathlib import Path

import chance_and_ceiling as simulation

from lr_lightning.metrics.registry import GROUPS, make_metrics

SCORES = Path(__file__).parents[2] / "docs" / "scores.md"


def test_wrong_levels_fail() -> None:
    found = simulation.Found(noise=0.2, chance=0.21, tolerance=0.04, perfect=0.9, ceiling=0.91)
    assert found.holds
    assert not found._replace(chance=0.1).holds
    assert not found._replace(ceiling=1.0).holds
    assert found._replace(noise=math.nan, chance=math.nan).holds  # noise has no score, and no chance is stated


def test_one_metric_at_one_size() -> None:
    [(name, found)] = simulation.measure(make_metrics(["mcc_pearson"])["mcc_pearson"], 200, 3).items()
    assert name == "mcc_pearson"
    assert found.holds
    assert 0.05 < found.chance < 0.2 < 0.99 < found.ceiling
    lines = simulation.markdown({200: {name: found}}).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[-1].startswith("| `mcc_pearson` | 0.")


def test_documentation_covers_every_metric() -> None:
    table = SCORES.read_text().split(simulation.BEGIN)[1].split(simulation.END)[0]
    rows = [line.split("|")[1:-1] for line in table.strip().splitlines()[2:]]
    names = [row[0].strip(" `") for row in rows]
    for name, metric in make_metrics(GROUPS["default"]).items():
        assert not metric.needs_factors or any(score.startswith(name.removesuffix("_linear_svc")) for score in names)
    for name, *cells in rows:
        numbers = [float(cell) if cell.strip() else math.nan for cell in cells]
        for noise, chance, perfect, ceiling in zip(*(numbers[start::4] for start in range(4)), strict=True):
            assert math.isnan(noise) == math.isnan(chance), name
            assert abs(perfect - ceiling) <= 0.03, name
