"""The costs of the large study in the documentation."""

import pytest
from study_costs import BEGIN, END, PAGE, Measured, Way, tables, with_tables


def test_the_page_has_the_current_tables() -> None:
    page = PAGE.read_text()
    assert with_tables(page, tables(Measured())) == page


def test_seconds_per_run() -> None:
    measured = Measured(start=20, evaluation=30)
    assert Way("", 100).seconds_per_run(measured) == (3020, 30)
    assert Way("", 100, seeds=10).seconds_per_run(measured) == (302, 30)


def test_only_the_text_between_the_markers_is_replaced() -> None:
    assert with_tables(f"a\n{BEGIN}\nold\n{END}\nb\n", "new") == f"a\n{BEGIN}\n\nnew\n\n{END}\nb\n"
    with pytest.raises(ValueError, match="costs"):
        with_tables(f"{END}\n{BEGIN}", "new")
