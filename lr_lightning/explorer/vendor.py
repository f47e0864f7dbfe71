"""Fetch the libraries of the page from npm: ``python -m lr_lightning.explorer.vendor``.

They are committed, so that nothing is fetched where the package is installed, built or used. To update one, change its
version here, run this module, and commit its output. npm checks what it downloads against the registry's checksums;
files of an unchanged version must also equal those in the record.
"""

import gzip
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from lr_lightning.explorer.notices import RECORD, VENDOR

D3 = "7.9.2"
ONNX_RUNTIME = "1.30.0"

_BUNDLED_IN_D3 = ("d3-*", "delaunator", "internmap", "robust-predicates")
"""Packages whose code is part of ``d3.min.js``, and whose licenses go with it."""


def main() -> None:
    """Fetch all libraries, and write them with their licenses and the record."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        packages = [f"d3@{D3}", f"onnxruntime-web@{ONNX_RUNTIME}"]
        subprocess.run(
            ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", name, *packages], check=True
        )
        modules = folder / "node_modules"
        contents = _d3_files(modules) | _onnx_runtime_files(modules, folder)
    record = [
        {
            "name": "d3",
            "version": D3,
            "license": "ISC",
            "license_file": "d3.LICENSE.txt",
            "sha256": _checksums(contents, "d3"),
        },
        {
            "name": "onnxruntime-web",
            "version": ONNX_RUNTIME,
            "license": "MIT",
            "license_file": "ort.LICENSE.txt",
            "third_party_file": "ort.ThirdPartyNotices.txt.gz",
            "sha256": _checksums(contents, "ort"),
        },
    ]
    _check_unchanged(record)
    VENDOR.mkdir(parents=True, exist_ok=True)
    for file, content in contents.items():
        (VENDOR / file).write_bytes(content)
        print(f"{file}: {len(content):,} bytes")
    (VENDOR / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _d3_files(modules: Path) -> dict[str, bytes]:
    folders = [modules / "d3", *sorted(path for pattern in _BUNDLED_IN_D3 for path in modules.glob(pattern))]
    licenses = [f"{folder.name}\n\n{(folder / 'LICENSE').read_text(encoding='utf-8').strip()}\n" for folder in folders]
    return {
        "d3.min.js": (modules / "d3" / "dist" / "d3.min.js").read_bytes(),
        "d3.LICENSE.txt": "\n".join(licenses).encode(),
    }


def _onnx_runtime_files(modules: Path, folder: Path) -> dict[str, bytes]:
    """Return ONNX Runtime, with the notices that only its Python package of the same version has."""
    dist = modules / "onnxruntime-web" / "dist"
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    subprocess.run([*download, f"onnxruntime=={ONNX_RUNTIME}"], check=True)
    [wheel] = folder.glob("onnxruntime-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        license_text, third_party = (
            archive.read(f"onnxruntime/{name}") for name in ("LICENSE", "ThirdPartyNotices.txt")
        )
    return {
        "ort.wasm.bundle.min.mjs.gz": _packed((dist / "ort.wasm.bundle.min.mjs").read_bytes()),
        "ort-wasm-simd-threaded.wasm.gz": _packed((dist / "ort-wasm-simd-threaded.wasm").read_bytes()),
        "ort.LICENSE.txt": license_text,
        "ort.ThirdPartyNotices.txt.gz": _packed(third_party),
    }


def _packed(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)


def _checksums(contents: dict[str, bytes], prefix: str) -> dict[str, str]:
    """Return the checksum of each file of a library; of packed ones, of their content, whatever packed them."""
    return {
        file: hashlib.sha256(gzip.decompress(content) if file.endswith(".gz") else content).hexdigest()
        for file, content in contents.items()
        if file.startswith(prefix)
    }


def _check_unchanged(record: list[dict[str, Any]]) -> None:
    """Refuse files that differ from those of the same version in the record."""
    path = VENDOR / RECORD
    for old in json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []:
        for new in record:
            if (old["name"], old["version"]) == (new["name"], new["version"]) and old["sha256"] != new["sha256"]:
                raise ValueError(f"{new['name']} {new['version']} differs from the one in {path}; nothing was written")


if __name__ == "__main__":
    main()
