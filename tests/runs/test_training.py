"""``lr_lightning.fit``: where it trains, and from what."""

from pathlib import Path

import pytest
import torch

import lr_lightning as lr
from lr_lightning.commands.run.lease import FolderInUseError, acquire
from tests.runs.tiny import TINY


def weights(run: lr.Run, name: str = "last") -> torch.Tensor:
    checkpoint = torch.load(run.checkpoint(name), weights_only=True)
    return torch.cat([value.flatten() for value in checkpoint["state_dict"].values()])


def fit(folder: str, existing: str = "new", **values: object) -> lr.Run:
    changed = {key.replace("__", "."): value for key, value in values.items()}
    return lr.fit("helix", TINY | changed, folder=folder, existing=existing, quiet=True)  # type: ignore[arg-type]


def test_a_second_run_is_in_another_folder_and_returned() -> None:
    first, second = fit("run"), fit("run", model__beta=9.0)
    assert [first.folder, second.folder] == [Path("run").absolute(), Path("run-1").absolute()]
    assert first.config["model"]["init_args"]["beta"] == 0.05
    assert second.config["model"]["init_args"]["beta"] == 9.0
    assert first.scalars["val/loss"] != second.scalars["val/loss"]


def test_resume_returns_a_finished_run_and_continues_with_a_later_end() -> None:
    first = fit("run", "resume")
    record = (first.folder / "results.json").stat().st_mtime_ns
    again = fit("run", "resume")
    assert again == first
    assert (first.folder / "results.json").stat().st_mtime_ns == record
    assert not (first.folder / ".lease").exists()
    checkpoint = torch.load(first.checkpoint("last"), weights_only=True)
    checkpoint["callbacks"]["RunRecord"]["seconds"] += 1000
    torch.save(checkpoint, first.checkpoint("last"))
    longer = fit("run", "resume", trainer__max_epochs=4)
    assert longer.results["fit"]["step"] == 16
    assert 1000 < longer.results["fit"]["seconds"] < 1900  # of both attempts
    whole = fit("whole", trainer__max_epochs=4)
    assert torch.equal(weights(longer), weights(whole))


def test_resume_starts_again_without_a_checkpoint_and_writes_a_missing_record() -> None:
    run = fit("run", "resume")
    expected, scalars = weights(run), run.scalars
    for name in ("last", "best"):
        run.checkpoint(name).unlink()
    (run.folder / "results.json").unlink()
    again = fit("run", "resume")
    assert again == run
    assert torch.equal(weights(again), expected)
    (again.folder / "results.json").unlink()
    assert fit("run", "resume").scalars == pytest.approx(scalars)
    assert not Path("run-1").exists()


def test_resume_refuses_another_config() -> None:
    fit("run")
    with pytest.raises(ValueError, match=r"model\.beta: 0\.05 -> 9"):
        fit("run", "resume", model__beta=9.0)
    with pytest.raises(ValueError, match=r"seed_everything: 0 -> 3"):
        fit("run", "resume", seed_everything=3)
    with pytest.raises(ValueError, match=r"ckpt_path='last'"):
        fit("run", "resume", ckpt_path="last")


@pytest.mark.parametrize("name", ["null", "1e3", "a #b"])
def test_any_folder_is_used_as_it_is_given(name: str) -> None:
    Path(name).mkdir()
    Path(name, "config.yaml").touch()
    with pytest.raises(FileExistsError, match=rf"^{name} has a run"):
        fit(name, "error")


def test_error_refuses_a_run() -> None:
    assert fit("run", "error").folder == Path("run").absolute()
    with pytest.raises(FileExistsError, match=r"^run has a run"):
        fit("run", "error")
    assert not (Path("run") / ".lease").exists()
    with pytest.raises(ValueError, match=r"existing.*'again'"):
        fit("run", "again")


def test_a_folder_in_use_is_not_touched() -> None:
    Path("run").mkdir()
    lease = acquire(Path("run"))
    try:
        for existing in ("resume", "error"):
            with pytest.raises(FolderInUseError, match="run is in use"):
                fit("run", existing)
    finally:
        lease.release()
    assert list(Path("run").iterdir()) == []
