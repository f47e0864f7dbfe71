"""``lr-lightning study udr``, and what other commands print about UDR."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lr_lightning.commands.study import driving
from lr_lightning.commands.study.command import main
from lr_lightning.study.job import Job, Outcome
from lr_lightning.study.layout import cell_folder, codes_path, run_folder
from lr_lightning.study.manifest import Evaluation, Manifest, read_manifest
from lr_lightning.study.table import read_table
from lr_lightning.testing.synthetic_study import synthetic_manifest, write_synthetic_study
from tests.study.inline_engine import InlineEngine
from tests.study.small_study import write_study

ROOT = Path("studies")
MISSING = "UDR of 2 cells is missing or out of date; to compute it: lr-lightning study udr synthetic"


def write(root: Path = ROOT, done: int = 2, udr_inputs: int | None = 30) -> Manifest:
    """Write a study of three cells with two seeds each, and one run of the last."""
    manifest = synthetic_manifest(3, 1, 1, 2, evaluation=Evaluation(udr_inputs=udr_inputs))
    write_synthetic_study(root, manifest, list(manifest.runs)[:5], num_scores=1)
    return manifest


def num_rows() -> int:
    return int((read_table("synthetic", ROOT)["metric"] == "udr").sum())


def test_it_compares_what_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    write()
    assert main(["udr", "synthetic"]) == 0
    line = "UDR is known for 2 of 3 cells, 2 of them computed now; 1 have fewer than two runs done\n"
    assert capsys.readouterr().out == line
    assert num_rows() == 2 * 2 * 2
    assert main(["udr", "synthetic"]) == 0
    assert "2 of 3 cells, 0 of them" in capsys.readouterr().out


def test_what_cannot_be_compared_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    manifest = write()
    damaged = codes_path(run_folder(ROOT, manifest.cells[0].identity, 1), manifest.evaluation.digest)
    damaged.write_bytes(b"damaged")
    assert main(["udr", "synthetic"]) == 1
    captured = capsys.readouterr()
    assert "1 of 3 cells, 1 of them" in captured.out
    assert captured.err.count("\n") == 1
    assert f"{damaged.absolute()} has no readable codes" in captured.err


def test_other_commands_say_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    manifest = write()
    assert main(["udr", "synthetic"]) == 0
    capsys.readouterr()
    others = (["status", "synthetic"], ["table", "synthetic"])
    for words in others:
        assert main(words) == 0
        assert "UDR" not in capsys.readouterr().out, words
    shutil.rmtree(cell_folder(ROOT, manifest.cells[0].identity) / "udr")
    report = ["report", "synthetic", "--out", "report", "--num_resamples", "3"]
    scores = ["--scores", "metric_0_variant_0,udr_lasso", "--targets", "metric_0_variant_0"]
    for words in (*others, [*report, *scores]):
        assert main(words) == 0
        assert MISSING.replace("2 cells", "1 cell") in capsys.readouterr().out, words
    assert set(pd.read_csv("report/model_selection.csv")["selector"]) == {"udr_lasso"}  # picks without labels
    assert main(["status", "synthetic", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cells_without_udr"] == 1


def test_another_root_is_part_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("my root"))
    assert main(["status", "synthetic", "--root", "my root"]) == 0
    assert f"{MISSING} --root 'my root'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "udr_inputs", "named"),
    [(["synthetic"], None, "udr: true"), (["synthetic", "--jobs", "0"], 30, "--jobs"), (["none"], 30, "'none'")],
)
def test_wrong_arguments(
    words: list[str], udr_inputs: int | None, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(udr_inputs=udr_inputs)
    assert main(["udr", *words]) == 2
    assert named in capsys.readouterr().err


def test_the_end_of_a_study_compares_its_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(job: Job) -> tuple[Outcome, ...]:
        manifest = read_manifest(ROOT / "small" / "manifest.json")
        cell = replace(manifest.cells[0], dataset="DSprites")  # whose scores are known
        if job.runs[0].seed < 2:
            write_synthetic_study(ROOT, manifest, [(cell, run.seed) for run in job.runs], num_scores=1)
            return tuple(Outcome(run, "done") for run in job.runs)
        return tuple(Outcome(run, "failed", "why") for run in job.runs)

    monkeypatch.setattr(driving, "make_engine", lambda *_: (InlineEngine(work), 1))
    parts: dict[str, Any] = {"grid": [{"model.beta": [1]}], "test": {"udr": {"num_inputs": 20}}}
    file = str(write_study(Path("small.yaml"), seeds=3, **parts))
    assert main(["run", file]) == 1  # one run failed
    assert "UDR is known for 1 of 1 cells, 1 of them computed now" in capsys.readouterr().out
    table = read_table("small", ROOT)
    assert set(table[table["metric"] == "udr"]["seed"]) == {0, 1}

    write_study(Path("small.yaml"), seeds=2, **parts)  # other seeds, and nothing to train
    assert main(["run", file]) == 0
    [damaged, _] = sorted(ROOT.glob("runs/*/seed_*/evaluations/*.npz"))
    damaged.write_bytes(b"damaged")
    shutil.rmtree(damaged.parents[2] / "udr")
    assert main(["run", file]) == 1
    assert "no readable codes" in capsys.readouterr().err


def test_telling_what_is_missing_does_not_import_torch() -> None:
    write()
    script = (
        "import sys; from lr_lightning.commands.study.command import main; assert main(['status', 'synthetic']) == 0; "
        "sys.exit(','.join({'torch', 'pandas', 'numpy', 'scipy'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert MISSING in " ".join(done.stdout.split())
