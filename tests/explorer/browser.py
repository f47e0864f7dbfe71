"""Chromium, driven by Playwright, for tests of pages."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.extras import REQUIRED

NAMES = ("chromium", "chromium-browser", "google-chrome")
"""Programs that are used, the first that is installed; Playwright's own browser is not needed."""

PIXELS = """(selector) => {
  const canvas = document.querySelector(selector);
  const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return { width, height, data: Array.from(data) };
}"""


def chromium_path() -> str:
    """Return the path of Chromium; without one, skip the test, or fail it if packages of extras are required."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None and os.environ.get(REQUIRED) == "1":
        pytest.fail(f"no browser: install {NAMES[0]} ({REQUIRED} is set)", pytrace=False)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    return found


@contextmanager
def launched() -> Iterator[Any]:
    """Start Chromium, and return Playwright's browser."""
    from playwright.sync_api import sync_playwright

    path = chromium_path()
    with sync_playwright() as playwright:
        # Containers run tests as root, where Chromium's sandbox is not available.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Any, address: str, *, offline: bool = True, **options: Any) -> Iterator[Any]:
    """Open an address in a new window, and return Playwright's page when the model is ready.

    At the end, the page must have thrown no error, and have requested nothing but ``address`` and contents of its own.

    Args:
        browser: Playwright's browser.
        address: Address of the page.
        offline: Whether the window has no network.
        **options: Of the window, as of Playwright's ``new_context``.
    """
    context = browser.new_context(offline=offline, **options)
    errors: list[str] = []
    requests: list[str] = []
    try:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: requests.append(request.url))
        page.set_default_timeout(30_000)
        page.goto(address)
        wait_until_ready(page)
        yield page
        assert errors == []
        own = (address.split("#")[0].split("?")[0], "blob:", "data:")
        assert [url for url in requests if not url.startswith(own)] == []
    finally:
        context.close()


def wait_until_ready(page: Any) -> None:
    """Wait until the model is loaded and its first result is shown."""
    page.wait_for_function("() => globalThis.explorer?.state.result && !document.querySelector('main[aria-busy]')")


def settle(page: Any) -> None:
    """Wait until the shown result is that of the present code."""
    page.wait_for_function("() => globalThis.explorer.isSettled()")


def canvas_pixels(page: Any, selector: str) -> NDArray[np.int64]:
    """Return what a canvas shows, red, green and blue in 0..255, shape ``(H, W, 3)``."""
    found = page.evaluate(PIXELS, selector)
    values: NDArray[np.int64] = np.array(found["data"], np.int64).reshape(found["height"], found["width"], 4)
    return values[:, :, :3]
