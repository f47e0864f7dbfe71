"""Both engines of the page, in the browser, against PyTorch."""

import base64
import gzip
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from lr_lightning.explorer.live_model import LiveModel
from lr_lightning.explorer.live_server import LiveServer
from lr_lightning.explorer.onnx_export import export_onnx
from lr_lightning.models import QLAE, AutoencoderModule, BetaVAE
from tests.explorer.browser import launched, opened, settle, wait_until_ready
from tests.explorer.explored import explored_bars, explored_points, lively, round_trip
from tests.explorer.test_onnx_export import NETWORKS_BY_NAME, codes
from tests.explorer.toy_pages import image_model, toy_page
from tests.extras import needs
from tests.models.zoo import MODELS, make

pytestmark = needs("onnx", "onnxruntime", "onnxscript", "playwright")

STEPS = """async ([model, codes]) => {
  const { OnnxEngine } = await import("explorer/onnx-engine.js");
  const engine = await OnnxEngine.start(model);
  const found = [];
  for (const code of codes) {
    const { observation, response } = await engine.step(code);
    found.push([Array.from(observation), Array.from(response)]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a page with ONNX Runtime, whatever its model."""
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    path.write_text(toy_page(image_model()), encoding="utf-8")
    return path.as_uri()


def computed(browser: Any, address: str, exported: bytes, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return observations and responses of codes, flat, as the page computes them."""
    with opened(browser, address) as page:
        model = base64.b64encode(gzip.compress(exported, 1)).decode()
        found = page.evaluate(STEPS, [model, inputs.tolist()])
    observations, responses = (torch.tensor([each[place] for each in found]) for place in range(2))
    return observations, responses


def assert_computes(browser: Any, address: str, model: AutoencoderModule) -> None:
    inputs = codes(model, 3)
    observations, responses = computed(browser, address, export_onnx(model, inputs[:1]), inputs)
    with torch.no_grad():
        decoded, expected = model.decode(inputs), model.response(inputs)
    assert (observations - decoded.flatten(1)).abs().max() <= 1e-4
    compared = torch.ones_like(expected, dtype=torch.bool)
    if isinstance(model, QLAE):  # between two values of the codebook, round-off decides
        with torch.no_grad():
            distances = (model.network.codes(decoded)[:, :, None] - model.codebook).abs().sort(dim=2).values
        compared = distances[:, :, 1] - distances[:, :, 0] > 1e-4
        assert compared.float().mean() > 0.9
    assert (responses - expected)[compared].abs().max() <= 1e-4 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize("name", MODELS)
def test_every_model_computes_what_pytorch_computes(browser: Any, address: str, name: str) -> None:
    assert_computes(browser, address, lively(make(name)))


@pytest.mark.parametrize("name", NETWORKS_BY_NAME)
def test_every_network_computes_what_pytorch_computes(browser: Any, address: str, name: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BetaVAE(NETWORKS_BY_NAME[name](variational=True))
    assert_computes(browser, address, lively(model, 2.0 if "Conv" in name else 1.7))


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with LiveServer(LiveModel(explored_bars(), num_samples=16)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def shown(page: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return code, observation and response that a page shows."""
    settle(page)
    code, *result = page.evaluate(
        """() => {
          const { code, observation, response } = explorer.state.result;
          return [code, Array.from(observation), Array.from(response)];
        }"""
    )
    observation, response = map(torch.tensor, result)
    return torch.tensor(code), observation, response


def test_a_live_page_shows_what_pytorch_computes(browser: Any, server: LiveServer) -> None:
    with opened(browser, server.address, offline=False) as page:
        slider = page.locator("[data-latent] input[type=range]").first
        box = slider.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 8)
        page.mouse.down()
        for step in range(90):
            page.mouse.move(box["x"] + box["width"] / 2 + step % 40, box["y"] + 8)
        page.mouse.up()
        code, observation, response = shown(page)
        assert code.tolist() != server.model.data["start"]
        expected = round_trip(explored_bars(), code[None])
        assert (observation - expected[0].flatten()).abs().max() <= 1e-4
        assert (response - expected[1][0]).abs().max() <= 1e-4


def test_a_live_page_computes_slices_and_paths(browser: Any, server: LiveServer) -> None:
    slices, paths = (len(server.model.data[name]) for name in ("slices", "paths"))
    with opened(browser, server.address, offline=False) as page:
        page.keyboard.press("x")
        code, _, _ = shown(page)
        page.get_by_role("button", name="Compute at the present code").click()
        page.wait_for_function(f"() => explorer.state.data.slices.length > {slices}")
        assert page.evaluate("() => explorer.state.data.slices.at(-1).base") == pytest.approx(code.tolist(), abs=1e-4)
        page.get_by_role("button", name="Compute from the present code").click()
        page.wait_for_function(f"() => explorer.state.data.paths.length > {paths}")
        assert page.evaluate("() => explorer.state.data.paths.at(-1).from") == pytest.approx(code.tolist(), abs=1e-4)
        page.wait_for_function(f"() => location.hash.includes('path={paths}')")


def test_points_are_served_without_images(browser: Any) -> None:
    with LiveServer(LiveModel(explored_points(), num_samples=16)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with opened(browser, server.address, offline=False) as page:
                page.keyboard.press("Shift+ArrowRight")
                code, observation, response = shown(page)
                expected = round_trip(explored_points(), code[None])
                assert (observation - expected[0][0]).abs().max() <= 1e-4
                assert (response - expected[1][0]).abs().max() <= 1e-4
        finally:
            server.shutdown()
            thread.join()


def test_a_stopped_server_is_reported(browser: Any) -> None:
    context = browser.new_context()
    try:
        with LiveServer(LiveModel(explored_bars(), num_samples=16)) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            page = context.new_page()
            page.goto(server.address)
            wait_until_ready(page)
            page.wait_for_function("() => !document.querySelector('.thumbnail.waiting')")
            server.shutdown()
            thread.join()
        context.set_offline(True)  # connections that are open would wait
        page.keyboard.press("ArrowRight")
        page.locator("#message", has_text="may have been stopped").wait_for()
    finally:
        context.close()


def test_a_page_without_the_token_says_why(browser: Any, server: LiveServer) -> None:
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(server.address)
        wait_until_ready(page)
        page.evaluate("() => history.replaceState(null, '', '?token=wrong')")
        page.keyboard.press("ArrowRight")
        page.locator("#message", has_text="token").wait_for()
    finally:
        context.close()
