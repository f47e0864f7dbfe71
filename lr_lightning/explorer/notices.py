"""Versions and licenses of the libraries that are part of the page."""

import base64
import json
from pathlib import Path
from typing import Any

VENDOR = Path(__file__).parent / "page" / "vendor"
"""Folder of the libraries, as ``python -m lr_lightning.explorer.vendor`` fetched them."""

RECORD = "vendor.json"
"""File with their versions, licenses and checksums."""


def notices(*, runtime: bool) -> list[dict[str, Any]]:
    """Return the notices that a page must have: name, version, license and its text of each library.

    Notices of libraries within a library are long and go under ``more``, as gzip in base64.

    Args:
        runtime: Whether the page includes ONNX Runtime.
    """
    libraries = json.loads((VENDOR / RECORD).read_text(encoding="utf-8"))
    return [_notice(library) for library in libraries if runtime or library["name"] != "onnxruntime-web"]


def _notice(library: dict[str, Any]) -> dict[str, Any]:
    notice = {name: library[name] for name in ("name", "version", "license")}
    notice["text"] = (VENDOR / library["license_file"]).read_text(encoding="utf-8")
    if "third_party_file" in library:
        content = (VENDOR / library["third_party_file"]).read_bytes()
        notice["more"] = {"title": "Software that it contains", "gzip": base64.b64encode(content).decode()}
    return notice
