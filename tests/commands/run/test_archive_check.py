"""Any flipped bit in a checkpoint is detected."""

import random
from pathlib import Path

import pytest
import torch

from lr_lightning.commands.run.archive_check import check_archive
from lr_lightning.commands.run.checkpoints import read_checkpoint

CHECKPOINT = Path(__file__).parents[2] / "fixtures" / "runs" / "seeds" / "checkpoints" / "seed_3.ckpt"


def headers(content: bytes) -> list[int]:
    """Return the places of all bytes but those of the largest files of the archive, whose contents are checksummed."""
    directory = content.index(b"PK\x01\x02")
    first = range(content.index(b"PK\x03\x04"), 80)
    middle = content.index(b"PK\x03\x04", len(content) // 2)
    return [*first, *range(middle - 16, middle + 130), *range(directory, directory + 120), *range(-180, 0)]


def test_any_single_bit_that_flips_is_noticed(tmp_path: Path) -> None:
    """All 87,080 of them were tried once; here those of each kind of header, and a sample of the rest."""
    content = CHECKPOINT.read_bytes()
    places = [*headers(content), *random.Random(0).sample(range(len(content)), 300)]
    path, bit = tmp_path / "flipped.ckpt", 0
    path.write_bytes(content)
    check_archive(path)
    for place in places:
        bit = (bit + 1) % 8
        changed = bytearray(content)
        changed[place] ^= 1 << bit
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"flipped\.ckpt"):
            read_checkpoint(path)


@pytest.mark.parametrize("size", [0, 1, 5000, -1])
def test_a_file_that_was_cut_or_grew_is_refused(size: int, tmp_path: Path) -> None:
    content = CHECKPOINT.read_bytes()
    (tmp_path / "a.ckpt").write_bytes(content[:size] if size >= 0 else content + b"\0")
    with pytest.raises(ValueError, match=r"a\.ckpt"):
        read_checkpoint(tmp_path / "a.ckpt")


def test_what_torch_writes_is_whole(tmp_path: Path) -> None:
    for number, value in enumerate([{}, {"a": torch.zeros(0)}, {"a": torch.zeros(70_000), "b": [torch.ones(3)] * 2}]):
        path = tmp_path / f"{number}.pt"
        torch.save(value, path)
        check_archive(path)
