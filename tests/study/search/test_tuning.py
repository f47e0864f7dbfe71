"""Searches with Ray Tune."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
import torch

from lr_lightning.cli import main
from lr_lightning.commands.messages import UsageError
from lr_lightning.commands.study.command import main as study
from lr_lightning.study.search.definition import read_search
from lr_lightning.study.search.tuning import Trial, best_of, run_search
from tests.extras import needs
from tests.study.search.test_definition import write
from tests.study.small_study import SMALL


def test_ray_and_optuna_are_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    search = read_search(write())
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ModuleNotFoundError, match=r"Optuna: pip install 'lr-lightning\[study\]'"):
        run_search(search, Path("studies"))
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'lr-lightning\[study\]'"):
        run_search(search, Path("studies"))


def test_rejects_no_jobs() -> None:
    with pytest.raises(UsageError, match=r"--jobs.*\b0"):
        run_search(read_search(write()), Path("studies"), jobs=0)


def test_the_best_trial_has_a_value_and_has_not_failed() -> None:
    def trial(value: float | None, state: str = "done") -> Trial:
        return Trial(Path("a"), {}, value, 1, state)

    assert best_of([trial(0.1), trial(0.2)]) == trial(0.1)
    assert best_of([trial(None)]) is best_of([]) is best_of([trial(0.1, "failed")]) is None


@needs("ray", "optuna")
@pytest.mark.slow
def test_a_search_finds_the_better_value(capsys: pytest.CaptureFixture[str]) -> None:
    space = {"model.optimizer.lr": {"choice": [1e-2, 1e-7]}}
    write(set=SMALL | {"trainer.logger": False}, space=space, num_trials=2, grace=0.2, seed=11)
    assert study(["search", "betas.yaml", "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"trial 1 of 2 \(model\.optimizer\.lr 0\.01\): val/loss [\d.]+ at step 60\n", out)
    folders = list(Path("studies/betas/trials").iterdir())
    assert len(folders) == 2
    done = [folder for folder in folders if (folder / "results.json").exists()]
    stopped = [folder for folder in folders if (folder / "stopped.json").exists()]
    assert sorted(done + stopped) == sorted(folders)
    assert stopped  # the seed draws a good learning rate first, and then a bad one
    for folder in stopped:
        assert "lr: 1.0e-07" in (folder / "config.yaml").read_text()
        note = json.loads((folder / "stopped.json").read_text())
        assert note["step"] == torch.load(folder / "checkpoints/last.ckpt", weights_only=True)["global_step"] < 60
    best = Path(re.findall(r"Best: +(.+)", out)[0])
    assert best.resolve() in [folder.resolve() for folder in done]
    command = shlex.split(re.findall(r"Repeat: lr-lightning (.+)", out)[0])
    with pytest.raises(SystemExit) as ended:
        main([*command, "--trainer.default_root_dir=plain", "--trainer.enable_progress_bar=false"])
    assert ended.value.code == 0
    weights = [torch.load(f / "checkpoints/last.ckpt", weights_only=True)["state_dict"] for f in (best, Path("plain"))]
    assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())
    # again, it does nothing; with other values, it is refused
    before = {path: path.stat().st_mtime_ns for path in Path("studies/betas/trials").rglob("*.ckpt")}
    assert study(["search", "betas.yaml"]) == 0
    assert {path: path.stat().st_mtime_ns for path in Path("studies/betas/trials").rglob("*.ckpt")} == before
    with pytest.raises(UsageError, match=r"studies/betas.*another search"):
        run_search(read_search(write(set=SMALL, num_trials=4)), Path("studies"))
