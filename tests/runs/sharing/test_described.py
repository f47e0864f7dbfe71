"""Entries of a config as text."""

from typing import Any

import pytest

from lr_lightning.runs.sharing.described import described, summary_of

ADAM: dict[str, Any] = {
    "class_path": "torch.optim.Adam",
    "init_args": {"lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-5},
}


@pytest.mark.parametrize(
    ("entry", "options", "text"),
    [
        (ADAM, {}, "Adam(lr=0.001, betas=[0.9, 0.999], eps=1e-05)"),
        (ADAM, {"brief": ()}, "Adam(eps=1e-05)"),
        (ADAM, {"brief": ("lr",)}, "Adam(lr=0.001, eps=1e-05)"),
        (ADAM, {"hidden": ("lr", "betas")}, "Adam(eps=1e-05)"),
        ({"class_path": "a.B", "init_args": {"c": {"class_path": "d.E"}, "f": None}}, {}, "B(c=E())"),
        ([{"class_path": "a.B"}, 3], {}, "[B(), 3]"),
        ({"class_path": "a.B", "init_args": None}, {}, "B()"),
        ("text", {}, "'text'"),
    ],
)
def test_an_entry_as_text(entry: Any, options: dict[str, Any], text: str) -> None:
    assert described(entry, **options) == text


def test_the_summary_of_a_class_is_its_first_paragraph() -> None:
    found = summary_of("lr_lightning.data.loading.factor_groups.FactorGroups")
    assert found.startswith("Groups drawn from a full factor grid")
    assert "\n" not in found
