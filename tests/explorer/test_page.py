"""The page in a browser: what readers do, and what they see then."""

import base64
import gzip
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.explorer.browser import canvas_pixels, launched, opened, settle, wait_until_ready
from tests.explorer.toy_pages import ToyModel, image_model, toy_data, toy_page, vector_model, wide_model
from tests.extras import needs

pytestmark = needs("onnx", "playwright")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def model() -> ToyModel:
    return image_model()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, model: ToyModel) -> str:
    """Address of the page of :func:`image_model`."""
    return written(tmp_path_factory.mktemp("page"), toy_page(model))


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    with opened(browser, address, viewport={"width": 1500, "height": 1000}) as page:
        yield page


def written(folder: Path, html: str) -> str:
    (folder / "explorer.html").write_text(html, encoding="utf-8")
    return (folder / "explorer.html").as_uri()


def pixels(page: Any, selector: str = "#observation") -> Any:
    return canvas_pixels(page, selector)


def code(page: Any) -> list[float]:
    found: list[float] = page.evaluate("() => explorer.state.code")
    return found


def response(page: Any) -> list[float]:
    found: list[float] = page.evaluate("() => Array.from(explorer.state.result.response)")
    return found


def assert_shows_its_code(page: Any, model: ToyModel) -> None:
    """Check that the image and the responses are those of the present code."""
    settle(page)
    assert np.abs(pixels(page) - model.pixels(code(page))).max() <= 1  # rounded from float32
    assert response(page) == pytest.approx(model.response(code(page)).tolist(), abs=1e-5)
    shown = page.locator("[data-latent='0'] output").inner_text().replace("\N{MINUS SIGN}", "-")
    assert float(shown) == pytest.approx(model.response(code(page))[0], abs=0.006)


def slider(page: Any, latent: int) -> Any:
    return page.locator(f"[data-latent='{latent}'] input[type=range]")


def middle(locator: Any) -> tuple[float, float]:
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def point_at(page: Any, canvas: Any, sentence: str) -> tuple[int, int]:
    """Move the mouse over a heat map until it describes a cell with ``sentence``; return its place in the canvas."""
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    readout = canvas.locator("xpath=following-sibling::p")
    for y in np.arange(box["y"] + 4, box["y"] + box["height"], 9):
        for x in np.arange(box["x"] + 4, box["x"] + box["width"], 9):
            page.mouse.move(x, y)
            if sentence in readout.inner_text():
                return int(x - box["x"]), int(y - box["y"])
    raise AssertionError(f"no cell is described by {sentence!r}")


def test_it_opens_from_a_file_without_a_network(page: Any, model: ToyModel) -> None:
    assert page.locator("h1").inner_text() == "Toy"
    assert_shows_its_code(page, model)
    assert page.locator("#reference img").evaluate("image => image.naturalWidth") == 8


def test_a_typed_value_moves_the_code(page: Any, model: ToyModel) -> None:
    field = page.locator("[data-latent='1'] input[type=number]")
    field.fill("1.25")
    field.press("Tab")
    assert code(page) == [0, 1.25, 0, 0]
    assert_shows_its_code(page, model)


def test_dragging_shows_the_last_code_and_is_undone_at_once(page: Any, model: ToyModel) -> None:
    start = code(page)
    x, y = middle(slider(page, 0))
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(90):
        page.mouse.move(x + 60 * np.sin(step / 9), y)
    page.mouse.move(x + 50, y)
    page.mouse.up()
    assert code(page)[0] > 0.5
    assert code(page)[1:] == start[1:]
    assert_shows_its_code(page, model)
    page.get_by_role("button", name="Undo").click()
    assert code(page) == start
    assert_shows_its_code(page, model)
    page.get_by_role("button", name="Redo").click()
    assert code(page)[0] > 0.5


def test_while_the_engine_works_only_the_newest_move_waits(page: Any) -> None:
    computed = page.evaluate(
        """async () => {
          const { Scheduler } = await import("explorer/scheduler.js");
          const codes = [], shown = [];
          const release = [];
          const engine = { step: (code) => new Promise((resolve) => {
            codes.push(code[0]);
            release.push(() => resolve(code[0]));
          }) };
          const scheduler = new Scheduler(Promise.resolve(engine), (error) => { throw error; });
          for (const value of [1, 2, 3, 4]) scheduler.show([value], (result) => shown.push(result));
          scheduler.whenIdle("thumbnails", [[100]], (_, result) => shown.push(result));
          while (shown.length < 3) {
            await new Promise((resolve) => setTimeout(resolve, 5));
            release.shift()?.();
          }
          return { codes, shown };
        }"""
    )
    assert computed == {"codes": [1, 4, 100], "shown": [1, 4, 100]}


def test_clicking_a_cell_intervenes_on_its_latent(page: Any, model: ToyModel) -> None:
    before = response(page)
    point_at(page, page.locator("#matrix-response canvas"), "Intervene on latent 2: latent 0 responds by 0.3")
    page.mouse.down()
    page.mouse.up()
    assert code(page) == [0, 0, -1.5, 0]
    assert_shows_its_code(page, model)
    change = response(page)[0] - before[0]
    assert change == pytest.approx(0.45, abs=1e-5)
    assert "Response of latent 0: +0.45." in page.locator("#matrices .change").inner_text()
    assert "responding" in page.locator("[data-latent='0']").get_attribute("class")
    assert "chosen" in page.locator("[data-latent='2']").get_attribute("class")
    assert page.locator("#traversal-heading").inner_text() == "Traversal of latent 2"


def test_the_conditioned_matrix_shows_the_factor(page: Any) -> None:
    page.get_by_role("button", name="Conditioned on factors").click()
    point_at(page, page.locator("#matrix-conditioned canvas"), "Exchange latent 1 where only size differs")
    page.mouse.down()
    page.mouse.up()
    assert code(page) == [0, -1.5, 0, 0]
    assert page.locator("#examples .chips [aria-pressed=true]").inner_text() == "size"
    row = page.locator("#examples .strip").first.locator("button")
    labels = [button.get_attribute("aria-label") for button in row.all()]
    assert labels == ["color: green, size: small", "color: green, size: large"]


def test_dragging_through_a_slice(page: Any, model: ToyModel) -> None:
    canvas = page.locator("#slice canvas")
    canvas.scroll_into_view_if_needed()
    x, y = middle(canvas)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=5)
    right = code(page)
    page.mouse.move(x + 60, y - 60, steps=5)
    page.mouse.up()
    above = code(page)
    assert above[0] == pytest.approx(right[0])
    assert 0.4 < above[0] < 2
    assert 0.4 < above[1] - right[1] < 2
    assert above[2:] == [0, 0]
    assert_shows_its_code(page, model)
    page.locator("#slice .readout", has_text="Divergence \N{MINUS SIGN}0.3 at the nearest node").wait_for()


def test_a_slice_is_purple_where_it_contracts(browser: Any, tmp_path: Path, model: ToyModel) -> None:
    slices = toy_data(model)["slices"][:1]
    slices[0]["divergence"] = [[-1.0] * 7] * 3 + [[0.0] * 7] + [[1.0] * 7] * 3  # the first latent runs to the right
    with opened(browser, written(tmp_path, toy_page(model, slices=slices))) as page:
        page.locator("#slice .readout", has_text="z =").wait_for()
        shown = pixels(page, "#slice canvas")
        (left, right) = (shown[20, shown.shape[1] * part // 8] for part in (2, 7))
        assert left[2] > left[1] + 30  # blue above green
        assert right[0] > right[2] + 30


def test_thumbnails_show_and_move_to_their_codes(page: Any, model: ToyModel) -> None:
    page.wait_for_function("() => !document.querySelector('.thumbnail.waiting')")
    last = "#traversal-strip button:nth-child(9)"
    slider_code = [3.0, 0, 0, 0]
    assert np.abs(pixels(page, f"{last} canvas") - model.pixels(slider_code)).max() <= 1
    page.locator(last).click()
    assert code(page) == slider_code
    sample = toy_data(model)["samples"]["hybrid"][1]
    page.locator("#samples .strip").nth(2).locator("button").nth(1).click()
    assert code(page) == sample
    assert_shows_its_code(page, model)


def test_a_path_is_followed_between_its_points(page: Any, model: ToyModel) -> None:
    path = toy_data(model)["paths"][0]
    along = page.get_by_label("Position on the straight line")
    along.evaluate("slider => { slider.value = 2.5; slider.dispatchEvent(new Event('input')); }")
    between = (np.array(path["straight"][2]) + np.array(path["straight"][3])) / 2
    assert code(page) == pytest.approx(between.tolist())
    page.locator(".path.response .thumbnail").last.click()
    assert code(page) == pytest.approx(path["to"])
    assert page.locator("#paths .cost").count() == 2


def test_an_observation_is_chosen_by_its_factors(page: Any, model: ToyModel) -> None:
    example = toy_data(model)["examples"][4]
    page.get_by_role("button", name="size", exact=True).click()
    page.get_by_role("button", name="color: green, size: large").click()
    assert code(page) == example["code"]
    assert_shows_its_code(page, model)
    page.wait_for_selector("#reference canvas")
    assert np.abs(pixels(page, "#reference canvas") - model.pixels(example["code"])).max() <= 1
    assert page.locator("#reference img").get_attribute("src") == example["original"]


def test_a_link_leads_back_to_the_view(browser: Any, page: Any, address: str, model: ToyModel) -> None:
    slider(page, 0).evaluate("slider => { slider.value = -1.23; slider.dispatchEvent(new Event('input')); }")
    page.locator("[data-latent='2'] .name").click()
    page.get_by_role("button", name="Conditioned on factors").click()
    page.get_by_label("Slice", exact=True).select_option(index=1)
    page.wait_for_function("() => location.hash.includes('slice=1')")
    moved, link = code(page), page.url
    assert link.startswith(address + "#")
    with opened(browser, link) as other:
        assert code(other) == pytest.approx(moved, abs=1e-6)
        assert_shows_its_code(other, model)
        assert "chosen" in other.locator("[data-latent='2']").get_attribute("class")
        assert other.locator("#matrix-conditioned").is_visible()
        assert other.get_by_label("Slice", exact=True).evaluate("select => select.selectedIndex") == 1
        other.reload()
        wait_until_ready(other)
        assert code(other) == pytest.approx(moved, abs=1e-6)


@pytest.mark.parametrize("fragment", ["#z=99:1_0:x_&latent=9&example=-1&slice=7&path=x&theme=pink", "#%E0%A4%A", "#z"])
def test_a_damaged_link_shows_the_start(browser: Any, address: str, model: ToyModel, fragment: str) -> None:
    with opened(browser, address + fragment) as page:
        assert code(page) == toy_data(model)["start"]
        assert_shows_its_code(page, model)


def test_the_keyboard_does_all(page: Any, model: ToyModel) -> None:
    start = code(page)
    page.keyboard.press("ArrowRight")
    assert code(page) == pytest.approx([0.15, 0, 0, 0])
    page.keyboard.press("Shift+ArrowLeft")
    assert code(page) == pytest.approx([-0.6, 0, 0, 0])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert code(page) == pytest.approx([-0.6, 0.15, 0, 0])
    page.keyboard.press("u")
    assert code(page) == pytest.approx([-0.6, 0, 0, 0])
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert code(page) == start
    page.keyboard.press("y")
    page.keyboard.press("Control+Shift+z")
    assert code(page) == pytest.approx([-0.6, 0, 0, 0])
    page.keyboard.press("r")
    assert code(page) == start
    page.keyboard.press("]")
    assert code(page) == toy_data(model)["examples"][1]["code"]
    page.keyboard.press("x")
    assert code(page) in toy_data(model)["samples"]["aggregate"]
    assert_shows_its_code(page, model)
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()


def test_a_heat_map_is_used_by_keyboard(page: Any) -> None:
    canvas = page.locator("#matrix-response canvas")
    canvas.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    readout = page.locator("#matrix-response .readout")
    assert "Intervene on latent 1: latent 1 responds by 0.8" in readout.inner_text()
    page.keyboard.press("Enter")
    assert code(page) == [0, -1.5, 0, 0]


def test_a_phone_keeps_the_image_in_sight(browser: Any, address: str, model: ToyModel) -> None:
    with opened(browser, address, viewport={"width": 390, "height": 800}, has_touch=True) as page:
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
        slider(page, 2).scroll_into_view_if_needed()
        page.mouse.wheel(0, 300)
        page.wait_for_function("() => scrollY > 200")
        box = page.locator("#observation").bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 400
        assert_shows_its_code(page, model)


@pytest.mark.parametrize("width", [700, 1000, 1300, 2400])
def test_nothing_is_cut_off_at_other_widths(browser: Any, address: str, width: int) -> None:
    with opened(browser, address, viewport={"width": width, "height": 900}) as page:
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        for canvas in page.locator(".card canvas:visible").all():
            box, card = canvas.bounding_box(), canvas.locator("xpath=ancestor::section").bounding_box()
            assert card["x"] <= box["x"]
            assert box["x"] + box["width"] <= card["x"] + card["width"] + 0.5


def test_it_is_dark_where_the_system_is(browser: Any, address: str) -> None:
    def brightness(page: Any, selector: str) -> float:
        color = page.locator(selector).first.evaluate("node => getComputedStyle(node).backgroundColor")
        return float(np.mean([float(part) for part in color[color.index("(") + 1 : -1].split(",")[:3]]))

    with opened(browser, address, color_scheme="dark") as page:
        assert brightness(page, "body") < 60
        assert brightness(page, ".card") < 60
        page.get_by_role("button", name="Theme: system").click()
        page.get_by_role("button", name="Theme: light").wait_for()
        assert brightness(page, "body") > 200
        page.wait_for_function("() => location.hash.includes('theme=light')")


def test_names_are_never_markup(browser: Any, tmp_path: Path, model: ToyModel) -> None:
    name = "<script>globalThis.broken = 1</script><img src=x onerror='globalThis.broken = 1'>{{data}}"
    data = toy_data(model)
    for latent in data["latents"]:
        latent["name"] = f"{name} {latent['index']}"
    data["factors"][0] |= {"name": name, "values": [name] * 3}
    data["traversals"][0]["factor"] = name
    data["scores"][0] |= {"name": name, "caution": name}
    changes = {key: data[key] for key in ("latents", "factors", "traversals", "scores")}
    html = toy_page(model, title=name, subtitle=name, notes=[name], **changes)
    with opened(browser, written(tmp_path, html)) as page:
        assert page.locator("h1").inner_text() == name
        assert page.locator("#scores tbody th").first.inner_text().startswith(name)
        page.locator("#examples .thumbnail").first.click()
        assert page.evaluate("() => globalThis.broken === undefined")


def test_a_thousand_latents_stay_usable(browser: Any, tmp_path: Path) -> None:
    model = wide_model()
    with opened(browser, written(tmp_path, toy_page(model))) as page:
        assert page.locator("#latents [data-latent]").count() == 20
        page.get_by_role("button", name="Show more").click()
        assert page.locator("#latents [data-latent]").count() == 30
        page.get_by_label("Search latents").fill("latent 777")
        slider(page, 777).press("ArrowRight")
        settle(page)
        assert code(page)[777] == pytest.approx(0.15)
        page.wait_for_function("() => location.hash.includes('777:0.15')")
        page.get_by_label("Search latents").fill("")
        page.get_by_role("button", name="Random").click()
        settle(page)
        assert response(page) == pytest.approx(model.response(code(page)).tolist(), abs=1e-5)


def test_a_latent_of_a_link_is_shown_among_a_thousand(browser: Any, tmp_path: Path) -> None:
    address = written(tmp_path, toy_page(wide_model()))
    with opened(browser, f"{address}#latent=777") as page:
        assert slider(page, 777).is_visible()
        page.keyboard.press("ArrowRight")
        assert code(page)[777] == pytest.approx(0.15)


def test_vectors_are_points_and_bars(browser: Any, tmp_path: Path) -> None:
    model = vector_model()
    with opened(browser, written(tmp_path, toy_page(model))) as page:
        before = pixels(page)
        page.keyboard.press("Shift+ArrowRight")
        settle(page)
        assert page.evaluate("() => Array.from(explorer.state.result.observation)") == pytest.approx(
            model.observation(code(page)).tolist(), abs=1e-5
        )
        assert (pixels(page) != before).any()
        assert page.locator("#reference canvas").count() == 2


def test_a_model_without_data_has_no_parts_of_the_data(browser: Any, tmp_path: Path, model: ToyModel) -> None:
    changes: dict[str, Any] = {key: [] for key in ("examples", "factors", "traversals", "slices", "paths", "scores")}
    changes |= {"response_matrix": None, "conditioned_matrix": None, "cautions": []}
    changes |= {"samples": {"prior": [[0.5] * 4], "aggregate": [], "hybrid": []}}
    with opened(browser, written(tmp_path, toy_page(model, **changes))) as page:
        for card in ("examples", "slice", "paths", "matrices", "scores"):
            assert not page.locator(f"#{card}").is_visible(), card
        page.keyboard.press("x")
        assert code(page) == [0.5] * 4
        assert_shows_its_code(page, model)


def test_undefined_entries_are_shown_as_such(browser: Any, tmp_path: Path, model: ToyModel) -> None:
    data = toy_data(model)
    data["response_matrix"]["values"][0][0] = None
    data["slices"][0]["divergence"] = [[None] * 7 for _ in range(7)]
    changes = {key: data[key] for key in ("response_matrix", "slices")}
    with opened(browser, written(tmp_path, toy_page(model, **changes))) as page:
        canvas = page.locator("#matrix-response canvas")
        x, y = point_at(page, canvas, "Intervene on latent 0: latent 0 responds by undefined")
        page.mouse.move(0, 0)
        color = pixels(page, "#matrix-response canvas")[y + 8, x + 8]
        assert color.tolist() == [217, 217, 217]  # of no other cell
        row = page.locator("#scores tbody tr").nth(1)
        assert row.locator("td").first.inner_text() == "undefined"
        assert "few" in row.locator("th").inner_text()


def test_a_damaged_model_is_reported(browser: Any, tmp_path: Path, model: ToyModel) -> None:
    engine = {"kind": "onnx", "model": base64.b64encode(gzip.compress(b"no model")).decode()}
    html = toy_page(model, engine=engine)
    context = browser.new_context(offline=True)
    try:
        page = context.new_page()
        page.goto(written(tmp_path, html))
        page.wait_for_selector("#message:not([hidden])")
        assert len(page.locator("#message").inner_text()) > 10
    finally:
        context.close()


def test_it_works_inside_a_frame_of_a_notebook(browser: Any, tmp_path: Path, model: ToyModel) -> None:
    frame = f'<iframe srcdoc="{escape(toy_page(model))}" sandbox="allow-scripts" width="1200" height="900"></iframe>'
    (tmp_path / "notebook.html").write_text(frame, encoding="utf-8")
    context = browser.new_context(offline=True, viewport={"width": 1300, "height": 1000})
    try:
        page = context.new_page()
        page.goto((tmp_path / "notebook.html").as_uri())
        inside = page.frame_locator("iframe")
        inside.locator("main:not([aria-busy])").wait_for()
        field = inside.locator("[data-latent='0'] input[type=number]")
        field.fill("2")
        field.press("Tab")
        expected = f"{model.response([2, 0, 0, 0])[0]:.2f}"
        inside.locator("[data-latent='0'] output", has_text=expected).wait_for()
    finally:
        context.close()


def test_licenses_are_part_of_the_page(page: Any) -> None:
    page.locator("#notices > summary").click()
    page.locator("#notices details summary", has_text="onnxruntime-web").click()
    assert "Copyright (c) Microsoft Corporation" in page.locator("#notices pre").nth(1).inner_text()
    page.locator("#notices details summary", has_text="Software that it contains").click()
    page.wait_for_function("() => document.querySelector('#notices').textContent.includes('abseil')")
