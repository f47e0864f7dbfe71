"""Checkpoints are checked before use."""

from pathlib import Path

import pytest
import torch
from torch import nn

from lr_lightning.commands.run.checkpoints import check_checkpoint
from lr_lightning.commands.run.weights_file import write_weights


def save(path: Path, model: nn.Module) -> Path:
    """Write what the check reads of a checkpoint."""
    torch.save({"state_dict": model.state_dict(), "global_step": 7}, path)
    return path


def test_a_fitting_checkpoint_tells_its_step(tmp_path: Path) -> None:
    assert check_checkpoint(save(tmp_path / "a.ckpt", nn.Linear(2, 3)), nn.Linear(2, 3)) == 7


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Linear(2, 4), r"bias.*\(3,\).*\(4,\).*Linear"),
        (nn.Linear(2, 3, bias=False), r"bias.*\(3,\).*missing.*Linear"),
        (nn.Sequential(nn.Linear(2, 3)), r"0\.bias.*missing.*\(3,\).*Sequential"),
    ],
)
def test_another_model_is_refused(tmp_path: Path, model: nn.Module, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_checkpoint(save(tmp_path / "a.ckpt", nn.Linear(2, 3)), model)


def test_the_weights_of_an_exported_model_are_checked_alike(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write_weights(path, nn.Linear(2, 3).state_dict(), 7, None)
    assert check_checkpoint(path, nn.Linear(2, 3)) == 7
    with pytest.raises(ValueError, match=r"model\.safetensors.*bias.*\(3,\).*\(4,\)"):
        check_checkpoint(path, nn.Linear(2, 4))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        check_checkpoint(path, nn.Linear(2, 3))


def test_an_error_without_words_is_told_by_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise EOFError

    monkeypatch.setattr(torch, "load", fail)
    (tmp_path / "a.ckpt").touch()
    with pytest.raises(ValueError, match=r"a\.ckpt.*EOFError"):
        check_checkpoint(tmp_path / "a.ckpt", nn.Linear(2, 3))


def test_a_missing_a_damaged_and_a_foreign_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.ckpt"):
        check_checkpoint(tmp_path / "missing.ckpt", nn.Linear(2, 3))
    whole = save(tmp_path / "whole.ckpt", nn.Linear(2, 3)).read_bytes()
    (tmp_path / "half.ckpt").write_bytes(whole[: len(whole) // 2])
    torch.save({"weights": torch.zeros(1)}, tmp_path / "foreign.ckpt")
    torch.save({"state_dict": {}, "global_step": Path}, tmp_path / "pickled.ckpt")
    for name in ("half", "foreign", "pickled"):
        with pytest.raises(ValueError, match=rf"{name}\.ckpt"):
            check_checkpoint(tmp_path / f"{name}.ckpt", nn.Linear(2, 3))
