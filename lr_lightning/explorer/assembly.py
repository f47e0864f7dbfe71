"""A page as a single HTML document that loads nothing else."""

import base64
import json
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

from lr_lightning.explorer.notices import VENDOR, notices

PAGE = Path(__file__).parent / "page"
"""Folder of the page's files."""

_WORKER = "onnx-worker.js"
_RUNTIME = {"onnx-runtime": "ort.wasm.bundle.min.mjs.gz", "onnx-wasm": "ort-wasm-simd-threaded.wasm.gz"}
"""Files of ONNX Runtime, by the id of the element that they are put into."""

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' blob: data:; worker-src blob:; "
    "style-src 'unsafe-inline'; img-src data:; connect-src {connect}; base-uri 'none'; form-action 'none'"
)
"""Content security policy: the browser itself refuses requests to anywhere else."""


def assemble(title: str, data: Mapping[str, object] | None, *, runtime: bool) -> str:
    """Return the page as HTML with all of its files inside, so that it can be opened from a file.

    Args:
        title: Title of the document.
        data: The data object, without ``notices``; if ``None``, the page fetches it from the server that it is from.
        runtime: Whether to include ONNX Runtime, which runs exported models in the browser.

    Raises:
        ValueError: If a number in ``data`` is not finite; undefined ones must be ``None``.
    """
    contents = {
        "title": escape(title),
        "policy": _POLICY.format(connect="'none'" if data is not None else "'self'"),
        "style": (PAGE / "explorer.css").read_text(encoding="utf-8"),
        "modules": json.dumps({"imports": _modules()}),
        "data": "" if data is None else _embedded_json(data),
        "notices": _embedded_json(notices(runtime=runtime)),
        "runtime": _runtime() if runtime else "",
    }
    template = (PAGE / "index.html").read_text(encoding="utf-8")
    # In a single pass, so that a name in the data that looks like a placeholder stays as it is.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: contents[found[1]], template)


def _modules() -> dict[str, str]:
    """Return an import map of the page's modules to their contents: browsers import no files from files."""
    paths = [path for path in sorted(PAGE.glob("*.js")) if path.name != _WORKER]
    names = {f"explorer/{path.name}": path for path in paths} | {"explorer/vendor/d3.min.js": VENDOR / "d3.min.js"}
    return {name: f"data:text/javascript;base64,{_base64(path.read_bytes())}" for name, path in names.items()}


def _runtime() -> str:
    """Return elements with the worker and ONNX Runtime, in base64."""
    contents = {"onnx-worker": (PAGE / _WORKER).read_bytes()}
    contents |= {name: (VENDOR / file).read_bytes() for name, file in _RUNTIME.items()}
    return "\n".join(
        f'<script type="application/octet-stream" id="{name}">{_base64(content)}</script>'
        for name, content in contents.items()
    )


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _embedded_json(value: object) -> str:
    """Return JSON that cannot end the script element it is in."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
