"""Two processes get the same results as one, and neither waits for the other forever."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("distributed_run.py")


def run(devices: int, folder: Path) -> dict[str, float]:
    """Return the metrics of a validation on ``devices`` processes, after training on them too."""
    folder.mkdir()
    environment = os.environ | {"MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": "1", "PL_DISABLE_FORK": "1"}
    with (folder / "log.txt").open("w") as log:  # a file: a pipe could be held open by a process left behind
        command = [sys.executable, str(SCRIPT), str(devices), str(folder)]
        code = subprocess.run(command, env=environment, stdout=log, stderr=log, timeout=240).returncode
    assert code == 0, (folder / "log.txt").read_text()
    assert json.loads((folder / "trained.json").read_text()) == {"epoch": 2}
    metrics: dict[str, float] = json.loads((folder / "metrics.json").read_text())
    return {key: value for key, value in metrics.items() if not key.endswith("/seconds")}


def files(folder: Path) -> list[str]:
    """Return the names of the figures and raw results that were written, in order."""
    return sorted(path.name for part in ("figures", "assays") for path in (folder / part).iterdir())


def names_of_scores(folder: Path) -> list[str]:
    """Return the names of the scores in the table, in its order."""
    return [row["name"] for row in json.loads((folder / "assays" / "disentanglement-validate.json").read_text())]


@pytest.mark.slow
def test_two_processes_give_the_result_of_one(tmp_path: Path) -> None:
    one, two = run(1, tmp_path / "one"), run(2, tmp_path / "two")
    assert one.keys() == two.keys()
    # val/ terms differ: each process draws its own noise. The rest is the same sums over float32 codes that were
    # computed in batches of other sizes.
    assays = {key: value for key, value in one.items() if not key.startswith("val/")}
    assert len(assays) > 20
    assert {key: two[key] for key in assays} == pytest.approx(assays, rel=1e-4, abs=1e-5, nan_ok=True)
    # metrics of different processes that share a matrix, and rows in the order asked for
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert names_of_scores(tmp_path / "one") == names_of_scores(tmp_path / "two")
    assert two["val/kl"] == pytest.approx(one["val/kl"], rel=1e-5)  # without noise: an exact mean over uneven shares
