"""A page as one file."""

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from lr_lightning.explorer.data_object import explorer_data
from lr_lightning.explorer.notebook_page import ExplorerPage
from lr_lightning.explorer.static_page import onnx_engine, static_page
from tests.explorer.explored import explored_bars, round_trip
from tests.explorer.test_onnx_export import run_exported
from tests.extras import needs

pytestmark = needs("onnx", "onnxruntime", "onnxscript")

NAME = "</script><script>alert(1)</script><!--"


@pytest.fixture(scope="module")
def page() -> str:
    explored = explored_bars(title=NAME, notes=(NAME,))
    assert explored.dataset is not None
    explored.dataset.factor_space.names = (NAME, "row", "column")
    return static_page(explored, num_samples=24)


def embedded(page: str) -> dict[str, Any]:
    """Return the data object in a page, read as a browser does: the element ends at the first end tag."""
    [data] = re.findall(r'<script type="application/json" id="data">(.*?)</script', page, re.DOTALL | re.IGNORECASE)
    found: dict[str, Any] = json.loads(data)
    return found


def test_its_data_are_embedded_whatever_their_names(page: str) -> None:
    data = embedded(page)
    assert data["title"] == NAME
    assert data["factors"][0]["name"] == NAME
    assert "<script>alert(1)" not in page
    explored = explored_bars(title=NAME, notes=(NAME,))
    assert explored.dataset is not None
    explored.dataset.factor_space.names = (NAME, "row", "column")
    assert {key: value for key, value in data.items() if key != "engine"} == explorer_data(explored, num_samples=24)


def test_its_model_computes_what_pytorch_computes(page: str) -> None:
    engine = embedded(page)["engine"]
    assert engine.keys() == {"kind", "model"}
    model = gzip.decompress(base64.b64decode(engine["model"], validate=True))
    codes = torch.randn(5, 3, generator=torch.Generator().manual_seed(8))
    found, expected = run_exported(model, codes), round_trip(explored_bars(), codes)
    assert (found[0] - expected[0]).abs().max() <= 1e-4
    assert (found[1] - expected[1]).abs().max() <= 1e-4


def test_it_loads_nothing_else(page: str) -> None:
    attributes = re.findall(
        r"""\b(?:src|href)\s*=\s*["']([^"']*)""", re.sub(r"<script.*?</script>", "", page, flags=re.S)
    )
    assert all(value.startswith(("data:", "#")) for value in attributes)
    assert len(page) < 15e6


def test_the_same_model_gives_the_same_text() -> None:
    """The header of gzip has no time."""
    assert base64.b64decode(onnx_engine(b"model")["model"])[4:8] == bytes(4)


def test_a_notebook_shows_it_in_a_frame(tmp_path: Path) -> None:
    shown = ExplorerPage("A & <b>", '<!DOCTYPE html><p title="x">1 < 2</p>')
    frame = shown._repr_html_()
    [content] = re.findall(r'srcdoc="([^"]*)"', frame)
    from html import unescape

    assert unescape(content) == shown.html
    assert "allow-same-origin" not in frame  # the page cannot reach the notebook
    assert "<b>" not in frame
    assert len(repr(shown)) < 100
    assert shown.save(tmp_path / "page.html").read_text() == shown.html
