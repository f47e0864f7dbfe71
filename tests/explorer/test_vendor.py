"""The libraries of the page."""

import gzip
import hashlib
import json
from typing import Any

import pytest

from lr_lightning.explorer import vendor
from lr_lightning.explorer.notices import RECORD, VENDOR


def record() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VENDOR / RECORD).read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("library", record(), ids=lambda library: library["name"])
def test_files_have_the_recorded_checksums(library: dict[str, Any]) -> None:
    for name, checksum in library["sha256"].items():
        content = (VENDOR / name).read_bytes()
        content = gzip.decompress(content) if name.endswith(".gz") else content
        assert hashlib.sha256(content).hexdigest() == checksum, name


def test_versions_are_those_of_the_script_and_of_the_files() -> None:
    versions = {library["name"]: library["version"] for library in record()}
    assert versions == {"d3": vendor.D3, "onnxruntime-web": vendor.ONNX_RUNTIME}
    assert f"v{vendor.D3} " in (VENDOR / "d3.min.js").read_text(encoding="utf-8")[:100]
    runtime = gzip.decompress((VENDOR / "ort.wasm.bundle.min.mjs.gz").read_bytes())
    assert f"ONNX Runtime Web v{vendor.ONNX_RUNTIME}".encode() in runtime[:200]


def test_other_contents_of_the_same_version_are_refused() -> None:
    changed = record()
    vendor._check_unchanged(changed)
    changed[0]["sha256"]["d3.min.js"] = "0" * 64
    with pytest.raises(ValueError, match=rf"d3 {vendor.D3}"):
        vendor._check_unchanged(changed)
    changed[0]["version"] = "99.0.0"
    vendor._check_unchanged(changed)


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in VENDOR.iterdir()) < 4_500_000
