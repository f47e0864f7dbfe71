"""Pages as single documents, without a browser."""

import base64
import gzip
import json
import math
import re

import pytest

from lr_lightning.explorer.assembly import PAGE, assemble
from lr_lightning.explorer.notices import RECORD, VENDOR

EXTERNAL = re.compile(r"""(?:src|href)=["'](?!data:)|@import|url\(""")
IMPORT = re.compile(r'(?:from|import) "([^"]+)"')
WORKER = "onnx-worker.js"


def element(html: str, name: str) -> str:
    """Return what a browser takes as the content of the script element with this id: all up to the first end tag."""
    [content] = re.findall(rf'<script type="[^"]*" id="{name}">(.*?)</script', html, re.DOTALL)
    return str(content)


def imports(html: str) -> dict[str, str]:
    [text] = re.findall(r'<script type="importmap">(.*?)</script', html, re.DOTALL)
    found: dict[str, str] = json.loads(text)["imports"]
    return found


def sources() -> dict[str, str]:
    """Return the modules of the page by the name that others import."""
    return {f"explorer/{path.name}": path.read_text(encoding="utf-8") for path in PAGE.glob("*.js")}


@pytest.mark.parametrize("runtime", [True, False])
def test_all_placeholders_are_filled_and_nothing_is_loaded_from_elsewhere(runtime: bool) -> None:
    html = assemble("Title", {"format": 1} if runtime else None, runtime=runtime)
    assert "{{" not in html
    assert EXTERNAL.search(html) is None
    assert '<script type="module">import "explorer/main.js";</script>' in html


def test_contents_are_the_files() -> None:
    html = assemble("Title", {"format": 1}, runtime=True)
    for name, address in imports(html).items():
        prefix, content = address.split(",")
        assert prefix == "data:text/javascript;base64"
        assert base64.b64decode(content) == (PAGE / name.removeprefix("explorer/")).read_bytes()
    wasm = gzip.decompress(base64.b64decode(element(html, "onnx-wasm")))
    assert wasm.startswith(b"\0asm")
    assert b"ONNX Runtime Web" in gzip.decompress(base64.b64decode(element(html, "onnx-runtime")))
    assert base64.b64decode(element(html, "onnx-worker")) == (PAGE / WORKER).read_bytes()


def test_a_served_page_has_neither_data_nor_runtime() -> None:
    html = assemble("Title", None, runtime=False)
    assert element(html, "data") == ""
    assert "onnx-wasm" not in html
    assert [notice["name"] for notice in json.loads(element(html, "notices-data"))] == ["d3"]
    assert len(html) < 1_500_000


def test_only_a_served_page_may_connect_and_only_to_its_server() -> None:
    policies = [
        re.search(r'Content-Security-Policy" content="([^"]*)"', assemble("", data, runtime=False))
        for data in ({"format": 1}, None)
    ]
    connects = [re.search(r"connect-src ([^;]*)", policy[1]) for policy in policies if policy]
    assert [connect[1] for connect in connects if connect] == ["'none'", "'self'"]
    assert all(policy and policy[1].startswith("default-src 'none';") for policy in policies)


def test_names_in_the_data_stay_data() -> None:
    name = "</script><script>alert(1)</script> {{style}} <!--"
    html = assemble(name, {"title": name}, runtime=False)
    assert json.loads(element(html, "data")) == {"title": name}
    assert "<script>alert" not in html
    assert html.count((PAGE / "explorer.css").read_text(encoding="utf-8")) == 1


def test_undefined_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        assemble("", {"value": math.nan}, runtime=False)


def test_notices_have_the_licenses() -> None:
    d3, onnx_runtime = json.loads(element(assemble("", {}, runtime=True), "notices-data"))
    assert (d3["license"], onnx_runtime["license"]) == ("ISC", "MIT")
    for package in ("d3-array", "d3-scale-chromatic", "d3-geo", "delaunator", "internmap", "robust-predicates"):
        assert f"{package}\n" in d3["text"]
    assert "Copyright (c) Microsoft Corporation" in onnx_runtime["text"]
    assert "Eigen" in gzip.decompress(base64.b64decode(onnx_runtime["more"]["gzip"])).decode()


def test_modules_import_only_each_other() -> None:
    modules = sources()
    modules["explorer/vendor/d3.min.js"] = ""
    reached, waiting = set(), ["explorer/main.js"]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += IMPORT.findall(modules[name])
    assert reached == modules.keys() - {f"explorer/{WORKER}"}
    assert IMPORT.findall(modules[f"explorer/{WORKER}"]) == []


def test_ids_that_modules_use_are_in_the_page() -> None:
    used = {name for source in sources().values() for name in re.findall(r'byId\("([^"]+)"\)', source)}
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    assert used - set(re.findall(r'id="([^"]+)"', page)) <= {"onnx-worker"}
    assert len(used) > 30


def test_every_vendored_file_is_recorded_and_used() -> None:
    record = json.loads((VENDOR / RECORD).read_text(encoding="utf-8"))
    recorded = {name for library in record for name in library["sha256"]}
    assert {path.name for path in VENDOR.iterdir()} == recorded | {RECORD}
