"""Runs in one process have the results of the command line, and free what they used."""

import asyncio
import csv
import gc
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer

import lr_lightning as lr
from lr_lightning.cli import main
from tests.runs.process_state import changes, process_state
from tests.runs.tiny import TINY

VALUES = TINY | {"trainer.logger": [], "assays.latent_statistics": "latent_statistics"}
WORDS = [
    "--data.dataset.num_samples=1152",
    "--data.batches_per_epoch=4",
    "--trainer.max_epochs=2",
    "--trainer.log_every_n_steps=2",
    "--trainer.accelerator=cpu",
    "--trainer.logger=[]",
    "--trainer.enable_progress_bar=false",
    "--assays=null",
    "--assays.latent_statistics=latent_statistics",
]


def rows(folder: Path) -> list[dict[str, str]]:
    """Return the rows of ``metrics.csv`` without times."""
    with (folder / "metrics.csv").open() as file:
        return [{key: text for key, text in row.items() if "seconds" not in key} for row in csv.DictReader(file)]


def state(folder: Path) -> Any:
    """Return weights and optimizers of the last checkpoint."""
    checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return {name: checkpoint[name] for name in ("state_dict", "optimizer_states", "random_state")}


def assert_equal(found: Any, expected: Any) -> None:
    """Compare tensors in mappings and lists bit by bit."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert_equal(found[key], value)
    elif isinstance(expected, list):
        for one, other in zip(found, expected, strict=True):
            assert_equal(one, other)
    elif isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected)
    else:
        assert found == expected


def alive() -> tuple[int, int, int]:
    """Return the numbers of Trainers and modules, and the bytes of all tensors."""
    objects = [(type(each), each) for each in gc.get_objects()]  # isinstance() warns of deprecated objects of torch
    # A subclass may have no memory: compiling leaves FakeTensors in PyTorch's caches.
    tensors = {each.data_ptr(): each for kind, each in objects if kind in (torch.Tensor, torch.nn.Parameter)}
    return (
        sum(issubclass(kind, Trainer) for kind, _ in objects),
        sum(issubclass(kind, LightningModule) for kind, _ in objects),
        sum(each.numel() * each.element_size() for each in tensors.values()),
    )


def test_a_run_has_the_same_result_before_and_after_others_and_from_the_command_line() -> None:
    torch.manual_seed(5)
    gc.collect()
    before, (trainers, _, _) = process_state(), alive()  # other tests may have left some
    first = lr.fit("helix", VALUES, folder="first", quiet=True)
    assert changes(before) == []
    used = alive()
    torch.rand(3)

    async def in_a_notebook() -> lr.Run:  # whose cells run inside an event loop
        return lr.fit("helix", VALUES | {"seeds": 2, "seed_everything": 7}, folder="ensemble", quiet=True)

    asyncio.run(in_a_notebook())
    again = lr.fit("helix", VALUES, folder="again", quiet=True)
    assert alive() == used
    assert used[0] <= trainers
    with pytest.raises(SystemExit):
        main(["fit", "--config=helix", *WORDS, "--trainer.default_root_dir=command"])
    for folder in (again.folder, Path("command")):
        assert_equal(state(folder), state(first.folder))
        assert rows(folder) == rows(first.folder)
        assert len(rows(folder)) > 3
