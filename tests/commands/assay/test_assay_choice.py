"""The choice of assays for a report."""

import pytest

from lr_lightning.callbacks import ASSAYS, DynamicsAssay
from lr_lightning.commands.assay.assay_choice import choose_assays


def test_assays_come_once_in_the_order_of_the_registry() -> None:
    by_default = [name for name in ASSAYS if ASSAYS[name].by_default]
    assert list(choose_assays(["all", "dynamics"]).assays) == by_default
    assert set(ASSAYS) - set(by_default) == {"explorer"}
    assert list(choose_assays(["explorer", "all"]).assays) == list(ASSAYS)
    choice = choose_assays(["dynamics", "reconstruction", "lr_lightning.callbacks.DynamicsAssay"])
    assert list(choice.assays) == ["reconstruction", "dynamics"]
    assert choice.assays["dynamics"] is DynamicsAssay


@pytest.mark.parametrize(
    ("names", "message"),
    [([], "--assays"), (["dynamcs"], "dynamcs.*dynamics"), (["xyz"], "xyz.*reconstruction, latent_traversal")],
)
def test_unknown_names_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        choose_assays(names)
