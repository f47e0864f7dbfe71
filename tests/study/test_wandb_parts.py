"""The offline W&B runs of a study."""

from pathlib import Path

from lr_lightning.study.layout import run_folder
from lr_lightning.study.run_states import run_states
from lr_lightning.study.wandb_parts import OfflinePart, offline_part, offline_parts
from lr_lightning.testing.synthetic_study import synthetic_manifest, write_synthetic_study


def make_part(folder: Path, time: str, uploaded: bool = False) -> OfflinePart:
    """Make the files of an offline part."""
    part = folder / "wandb" / f"offline-run-{time}-abc"
    part.mkdir(parents=True)
    log = part / "run-abc.wandb"
    log.touch()
    if uploaded:
        (part / "run-abc.wandb.synced").touch()
    return OfflinePart(part, log)


def test_the_last_part_counts(tmp_path: Path) -> None:
    assert offline_part(tmp_path) is None
    last = make_part(tmp_path, "20260102_000000")
    make_part(tmp_path, "20260101_235959")
    (tmp_path / "wandb" / "latest-run").symlink_to(last.folder)
    assert offline_part(tmp_path) == last
    assert not last.is_uploaded
    assert make_part(tmp_path, "20260103_000000", uploaded=True) == offline_part(tmp_path)
    assert offline_part(tmp_path).is_uploaded  # type: ignore[union-attr]


def test_only_runs_that_are_done_count(tmp_path: Path) -> None:
    manifest = synthetic_manifest(1, 1, 1, 3)
    [cell] = manifest.cells
    write_synthetic_study(tmp_path, manifest, [(cell, 0), (cell, 1)], num_scores=1)
    parts = [make_part(run_folder(tmp_path, cell.identity, seed), "20260101_000000") for seed in (1, 2)]
    assert offline_parts(tmp_path, run_states(manifest, tmp_path)) == parts[:1]
