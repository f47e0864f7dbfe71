"""The engine that the user chose, on machines that are only declared."""

from pathlib import Path

import pytest

from lr_lightning.study.engines import choice
from lr_lightning.study.engines.choice import EngineChoice, make_engine
from lr_lightning.study.manifest import Resources
from tests.study.jobs import work


@pytest.mark.parametrize(
    ("resources", "jobs", "threads", "told"),
    [
        (Resources(), None, 1, ["2 GPUs"]),
        (Resources(cpus=2, gpus=1), 2, 2, []),
        (Resources(cpus=3, gpus=1), 2, 3, ["compete for 4 cores"]),
        (Resources(cpus=4), 2, 4, ["compete for 4 cores", "2 GPUs"]),
    ],
)
def test_what_the_local_engine_does_not_use_or_lacks_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    resources: Resources,
    jobs: int | None,
    threads: int,
    told: list[str],
) -> None:
    monkeypatch.setattr(choice, "num_cores", lambda: 4)
    monkeypatch.setattr(choice, "visible_gpus", lambda: ("0", "1"))
    found: list[str] = []
    engine, found_threads = make_engine(EngineChoice(jobs=jobs), work, resources, tmp_path, found.append)
    assert (engine.slots, found_threads) == (jobs or 4, threads)
    assert len(found) == len(told)
    assert all(part in sentence for part, sentence in zip(told, found, strict=True))
