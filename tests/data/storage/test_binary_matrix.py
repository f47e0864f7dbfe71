"""Reader of the binary matrices of NORB."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lr_lightning.data.storage import binary_matrix
from lr_lightning.data.storage.binary_matrix import BinaryMatrix

BYTES = np.random.default_rng(0).integers(256, size=(7, 2, 3, 4), dtype=np.uint8)
INTEGERS = np.array([3, -1, 70_000], np.int32)


def binary_matrix_bytes(array: np.ndarray[Any, Any]) -> bytes:
    """Type, number of axes, at least three lengths, then the numbers; all little-endian."""
    magic = {"uint8": 0x1E3D4C55, "int32": 0x1E3D4C54}[array.dtype.name]
    lengths = [*array.shape, 1, 1][: max(3, array.ndim)]
    header = b"".join(number.to_bytes(4, "little") for number in (magic, array.ndim, *lengths))
    return header + array.astype(array.dtype.newbyteorder("<")).tobytes()


@pytest.mark.parametrize("array", [BYTES, INTEGERS, INTEGERS[:, None].repeat(4, 1)])
@pytest.mark.parametrize("packed", [False, True])
def test_reads_what_was_written(tmp_path: Path, array: np.ndarray[Any, Any], packed: bool) -> None:
    path = tmp_path / ("m.mat.gz" if packed else "m.mat")
    content = binary_matrix_bytes(array)
    path.write_bytes(gzip.compress(content) if packed else content)
    matrix = BinaryMatrix(path, "fetch")
    assert (matrix.shape, matrix.dtype) == (array.shape, array.dtype)
    np.testing.assert_array_equal(matrix.read(), array)


def test_magic_numbers_are_the_published_bytes(tmp_path: Path) -> None:
    # the first bytes of a file of bytes are 55 4C 3D 1E
    (tmp_path / "m").write_bytes(bytes.fromhex("554C3D1E 02000000 01000000 03000000 01000000 0A0B0C"))
    assert BinaryMatrix(tmp_path / "m", "").read().tolist() == [[10, 11, 12]]
    (tmp_path / "m").write_bytes(bytes.fromhex("544C3D1E 01000000 02000000 01000000 01000000 05000000 FFFFFFFF"))
    assert BinaryMatrix(tmp_path / "m", "").read().tolist() == [5, -1]


def test_blocks_are_the_rows_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary_matrix, "_BLOCK_ROWS", 3)
    (tmp_path / "m").write_bytes(binary_matrix_bytes(BYTES))
    blocks = list(BinaryMatrix(tmp_path / "m", "").blocks())
    assert [len(block) for block in blocks] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(blocks), BYTES)


@pytest.mark.parametrize("content", [b"", b"\x55\x4c", binary_matrix_bytes(BYTES)[:20]])
def test_refuses_a_file_that_ends_inside_the_header(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(OSError, match="m is truncated; fetch"):
        BinaryMatrix(tmp_path / "m", "fetch")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("000000001E000000", "0x0, 30; fetch"),
        ("564C3D1E04000000", "0x1e3d4c56, 4; fetch"),
        ("554C3D1E00000000", "0x1e3d4c55, 0; fetch"),
        ("554C3D1EFF000000", "0x1e3d4c55, 255; fetch"),
    ],
)
def test_rejects_other_formats(tmp_path: Path, header: str, message: str) -> None:
    (tmp_path / "m").write_bytes(bytes.fromhex(header) + bytes(100))
    with pytest.raises(ValueError, match=f"m is not a binary matrix.*{message}"):
        BinaryMatrix(tmp_path / "m", "fetch")


def test_refuses_another_length_than_stated(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(binary_matrix_bytes(BYTES)[:-1])
    with pytest.raises(OSError, match="m is truncated; fetch"):
        BinaryMatrix(path, "fetch").read()
    path.write_bytes(binary_matrix_bytes(BYTES) + b"\0")
    with pytest.raises(OSError, match=r"m .*\(7, 2, 3, 4\); fetch"):
        BinaryMatrix(path, "fetch").read()


def test_refuses_a_damaged_gzip_file(tmp_path: Path) -> None:
    path, packed = tmp_path / "m.gz", gzip.compress(binary_matrix_bytes(BYTES))
    for content in (b"<html>", packed[:50], packed[:60] + b"\xff" * 10 + packed[70:], packed[:-8] + bytes(8)):
        path.write_bytes(content)
        with pytest.raises(OSError, match=r"m\.gz .*\(.*\); fetch"):
            BinaryMatrix(path, "fetch").read()
