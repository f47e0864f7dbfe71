"""Weights in files of other projects."""

import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lr_lightning.importers.foreign_weights import read_weights, size_of, with_names_of

WEIGHTS = {"layer.weight": torch.arange(6.0).view(2, 3), "layer.bias": torch.ones(2)}


@pytest.mark.parametrize("archive", [True, False])
def test_weights_are_read_from_both_formats_of_torch(archive: bool) -> None:
    torch.save(WEIGHTS, "model.pt", _use_new_zipfile_serialization=archive)
    assert zipfile.is_zipfile("model.pt") == archive
    read = read_weights(Path("model.pt"))
    assert read.keys() == WEIGHTS.keys()
    assert all(torch.equal(read[name], WEIGHTS[name]) for name in WEIGHTS)


def test_numbers_of_other_precisions_become_float32() -> None:
    torch.save({"weight": torch.ones(2, dtype=torch.float64), "bias": torch.ones(2).half()}, "model.pt")
    assert {value.dtype for value in read_weights(Path("model.pt")).values()} == {torch.float32}


class Harmful:
    """Creates a file when it is unpickled without care."""

    def __reduce__(self) -> Any:
        return Path("harm").touch, ()


@pytest.mark.parametrize("archive", [True, False])
@pytest.mark.parametrize("content", [Harmful(), {"weight": Harmful()}, nn.Linear(2, 2)])
def test_nothing_but_tensors_is_loaded(content: object, archive: bool) -> None:
    torch.save(content, "model.pt", _use_new_zipfile_serialization=archive)
    with pytest.raises(ValueError, match=r"model\.pt .*other objects"):
        read_weights(Path("model.pt"))
    assert not Path("harm").exists()


@pytest.mark.parametrize("archive", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_truncated_files(share: float, archive: bool) -> None:
    torch.save({"weight": torch.randn(1000)}, "whole.pt", _use_new_zipfile_serialization=archive)
    whole = Path("whole.pt").read_bytes()
    Path("model.pt").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"model\.pt .*damaged"):
        read_weights(Path("model.pt"))


def test_a_flipped_bit_in_an_archive() -> None:
    torch.save({"weight": torch.ones(1000)}, "model.pt")
    content = bytearray(Path("model.pt").read_bytes())
    content[content.find(torch.ones(4).numpy().tobytes()) + 1000] ^= 1
    Path("model.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.pt .*damaged"):
        read_weights(Path("model.pt"))


@pytest.mark.parametrize("content", [torch.ones(2), [torch.ones(2)], {"weight": torch.ones(2), "epoch": 3}])
def test_other_content_than_a_state_dict(content: object) -> None:
    torch.save(content, "model.pt")
    with pytest.raises(ValueError, match=r"model\.pt .*state dict"):
        read_weights(Path("model.pt"))


@pytest.mark.parametrize("value", [torch.tensor([1.0, torch.nan]), torch.tensor([torch.inf]), torch.tensor([1])])
def test_weights_must_be_finite_numbers(value: Tensor) -> None:
    torch.save({"weight": value}, "model.pt")
    with pytest.raises(ValueError, match=r"model\.pt .*weight .*finite"):
        read_weights(Path("model.pt"))


def test_a_missing_file() -> None:
    with pytest.raises(FileNotFoundError, match=r"model\.pt"):
        read_weights(Path("model.pt"))


def test_layers_get_the_names_of_the_network() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    weights = {
        "b.weight": torch.ones(1, 2),
        "b.bias": torch.ones(1),
        "a.weight": torch.zeros(2, 3),
        "a.bias": torch.ones(2),
    }
    renamed = with_names_of(network, weights, ("a", "b"), Path("model.pt"))
    assert {name: value.tolist() for name, value in renamed.items()} == {
        "0.weight": [[0.0] * 3] * 2,
        "0.bias": [1.0, 1.0],
        "2.weight": [[1.0, 1.0]],
        "2.bias": [1.0],
    }


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"a.weight": torch.ones(2, 4)}, r"a\.weight is \(2, 4\), and \(2, 3\)"),
        ({"a.bias": None}, r"a\.bias is missing, and \(2,\)"),
        ({"c.weight": torch.ones(1)}, r"counterpart of c\.weight"),
    ],
)
def test_weights_of_another_network(changes: dict[str, Tensor | None], match: str) -> None:
    weights = {"a.weight": torch.zeros(2, 3), "a.bias": torch.ones(2)} | changes
    with pytest.raises(ValueError, match=rf"model\.pt .*{match}"):
        with_names_of(
            nn.Sequential(nn.Linear(3, 2)),
            {name: value for name, value in weights.items() if value is not None},
            ("a",),
            Path("model.pt"),
        )


def test_sizes_of_layers() -> None:
    assert size_of(WEIGHTS, "layer.weight", 1, 2, Path("model.pt")) == 3
    with pytest.raises(ValueError, match=r"model\.pt .*other\.weight is missing"):
        size_of(WEIGHTS, "other.weight", 1, 2, Path("model.pt"))
    with pytest.raises(ValueError, match=r"model\.pt .*layer\.bias is \(2,\)"):
        size_of(WEIGHTS, "layer.bias", 1, 2, Path("model.pt"))
