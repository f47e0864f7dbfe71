"""The assays and checkpoint callbacks of a run."""

from pathlib import Path

from lr_lightning.callbacks import AssayCallback, DisentanglementAssay, ReconstructionAssay
from lr_lightning.commands.fit.callbacks import checkpoint_callbacks, named_assays, with_scores


def test_assays_have_the_names_of_the_mapping() -> None:
    assays = named_assays({"mine": ReconstructionAssay(), "removed": None})
    assert [assay.name for assay in assays] == ["mine"]


def test_scores_are_added_unless_they_are_there_or_removed() -> None:
    given: dict[str, AssayCallback | None] = {"mean": ReconstructionAssay()}
    assert list(with_scores(given)) == ["mean", "disentanglement"]
    for name, own in (("mine", DisentanglementAssay()), ("disentanglement", None), ("disentanglement", given["mean"])):
        assert with_scores({name: own}) == {name: own}


def test_checkpoints(tmp_path: Path) -> None:
    best, last = checkpoint_callbacks(tmp_path, ("val/kl", "max"), None)
    assert (best.monitor, best.mode, last.monitor) == ("val/kl", "max", None)  # type: ignore[attr-defined]
    assert len(checkpoint_callbacks(tmp_path, None, None)) == 1
    assert len(checkpoint_callbacks(tmp_path, None, [3, 4])) == 2
