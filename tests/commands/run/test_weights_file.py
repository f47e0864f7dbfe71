"""Weights in safetensors files."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lr_lightning.commands.run.weights_file import is_weights_file, read_weights, write_weights


def state() -> dict[str, Tensor]:
    """Return tensors of all kinds that state dicts have."""
    draw = torch.Generator().manual_seed(0)
    norm = nn.BatchNorm2d(3)
    norm(torch.rand(4, 3, 2, 2, generator=draw))
    image = torch.rand(2, 3, 4, 4, generator=draw)
    return {
        **norm.state_dict(),  # with an int64 buffer without dimensions
        "channels_last": image.to(memory_format=torch.channels_last),
        "transposed": image[0, 0].T,
        "tied": image,
        "double": torch.rand(3, dtype=torch.float64, generator=draw),
        "empty": torch.empty(0, 5),
        "undefined": torch.tensor([torch.nan, -torch.inf, -0.0]),
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    write_weights(path, state(), 70, 2**63 + 1)
    return path


def bits(values: dict[str, Tensor]) -> dict[str, tuple[torch.dtype, tuple[int, ...], bytes]]:
    """Return what must be equal: types, shapes and bytes."""
    return {
        name: (value.dtype, tuple(value.shape), value.contiguous().numpy().tobytes()) for name, value in values.items()
    }


def test_every_bit_survives(path: Path) -> None:
    found = read_weights(path)
    assert bits(found.pop("state_dict")) == bits(state())
    assert found == {"global_step": 70, "noise_seed": 2**63 + 1}
    assert bits(load_file(path)) == bits(state())  # other programs read it, too


def test_the_seed_of_the_noise_may_be_unknown(path: Path) -> None:
    write_weights(path, {}, 0, None)
    assert read_weights(path) == {"state_dict": {}, "global_step": 0}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened_without_a_change_of_value(path: Path, dtype: torch.dtype) -> None:
    value = torch.randn(100, generator=torch.Generator().manual_seed(0)).to(dtype)
    write_weights(path, {"weight": value}, 1, 0)
    found = read_weights(path)["state_dict"]["weight"]
    assert found.dtype == torch.float32
    assert torch.equal(found.to(dtype), value)


def test_every_flipped_bit_is_found_or_has_no_effect(path: Path) -> None:
    original = path.read_bytes()
    expected = read_weights(path)
    wanted = bits(expected.pop("state_dict"))
    found = 0
    for position in range(0, len(original), 3):
        damaged = bytearray(original)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        try:
            read = read_weights(path)
        except ValueError:
            found += 1
        else:  # white space of the header
            assert bits(read.pop("state_dict")) == wanted
            assert read == expected
    assert found > 0.33 * len(original)


@pytest.mark.parametrize("size", [0, 5, 8, 100, -1])
def test_a_truncated_file_is_refused(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"model\.safetensors.*not a readable safetensors file"):
        read_weights(path)


class Trap:
    """An object whose pickle runs a command when it is loaded."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, ("raise SystemExit('executed')",)


@pytest.mark.parametrize("by", ["pickle", "torch"])
def test_a_renamed_pickle_is_refused_and_not_executed(path: Path, by: str) -> None:
    content = {"state_dict": {"weight": torch.zeros(3)}, "global_step": 1, "trap": Trap()}
    if by == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    with pytest.raises(ValueError, match=r"model\.safetensors.*not a readable safetensors file"):
        read_weights(path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "lr_lightning_format"),
        ({"format": "pt"}, "lr_lightning_format"),
        ({"lr_lightning_format": "2", "global_step": "1"}, "later version"),
        ({"lr_lightning_format": "one", "global_step": "1"}, "lr_lightning_format.*'one'"),
        ({"lr_lightning_format": "1", "global_step": "-1"}, "global_step.*'-1'"),
        ({"lr_lightning_format": "1"}, "damaged"),
        ({"lr_lightning_format": "1", "global_step": "1"}, "damaged"),
        ({"lr_lightning_format": "1", "global_step": "1", "sha256": "0" * 64}, "damaged"),
    ],
)
def test_foreign_files_are_refused(path: Path, metadata: dict[str, str] | None, message: str) -> None:
    save_file({"weight": torch.zeros(3)}, path, metadata)
    with pytest.raises(ValueError, match=rf"model\.safetensors.*{message}"):
        read_weights(path)


def test_files_are_known_by_their_suffix() -> None:
    assert is_weights_file(Path("a/model.safetensors"))
    assert not is_weights_file(Path("safetensors/last.ckpt"))
