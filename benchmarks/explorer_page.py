"""Time pages of the explorer in Chromium: from opening to the first image, and from a move to its image and response.

Pages are opened in alternating turns. Each move waits for the result of the one before. Prints medians and ranges.

    lr-lightning explore demo --out explorer.html
    lr-lightning explore demo --live          # in another terminal
    python benchmarks/explorer_page.py explorer.html 'http://127.0.0.1:PORT/?token=TOKEN'
"""

import argparse
import shutil
import statistics
from pathlib import Path
from typing import Any, NamedTuple

from measuring import Spread
from playwright.sync_api import Browser, sync_playwright

READY = "() => globalThis.explorer?.state.result && !document.querySelector('main[aria-busy]')"

# Moves the first latent to and fro; returns the milliseconds from each input event until its result is drawn. Between
# moves, the page has time to rest, or only that of a frame, as while dragging.
MOVES = """async ([count, rest]) => {
  const slider = document.querySelector("#latents input[type=range]");
  const [low, high] = [Number(slider.min), Number(slider.max)];
  const { state } = globalThis.explorer;
  const milliseconds = [];
  for (let move = 0; move < count; move++) {
    const drawn = new Promise((resolve) => {
      const check = () => {
        if (!globalThis.explorer.isSettled()) return;
        state.removeEventListener("result", check);
        resolve();
      };
      state.addEventListener("result", check);
    });
    const start = performance.now();
    slider.value = low + (high - low) * (0.5 + 0.45 * Math.sin(0.7 * move + 1));
    slider.dispatchEvent(new Event("input"));
    await drawn;
    milliseconds.push(performance.now() - start);
    await new Promise((resolve) => (rest > 0 ? setTimeout(resolve, rest) : requestAnimationFrame(resolve)));
  }
  return milliseconds;
}"""


class Turn(NamedTuple):
    """Times of one opening of a page, in milliseconds.

    Attributes:
        ready: From opening to the first image and response.
        move: Median from a move of a page at rest to its image and response.
        drag: The same with a move in each frame, when the browser still paints the one before.
    """

    ready: float
    move: float
    drag: float


def open_once(browser: Browser, address: str, moves: int) -> Turn:
    """Open a page in a new window, and move a latent."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    try:
        page = context.new_page()
        page.goto(address)
        page.wait_for_function(READY)
        ready: Any = page.evaluate("() => globalThis.explorer.times.ready")
        page.wait_for_function("() => !document.querySelector('.thumbnail.waiting')")
        move, drag = (statistics.median(page.evaluate(MOVES, [moves, rest])) for rest in (50, 0))
        return Turn(ready, move, drag)
    finally:
        context.close()


def main() -> None:
    """Run and print the timings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", help="files, or addresses of live pages")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--moves", type=int, default=100, help="moves per turn, of each kind")
    parser.add_argument("--browser", default=shutil.which("chromium"), help="path of Chromium")
    options = parser.parse_args()

    addresses = [name if name.startswith("http") else Path(name).resolve().as_uri() for name in options.pages]
    turns: dict[str, list[Turn]] = {name: [] for name in options.pages}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.browser, args=["--no-sandbox"])
        for _ in range(options.turns):
            for name, address in zip(options.pages, addresses, strict=True):
                turns[name].append(open_once(browser, address, options.moves))
        browser.close()
    for name, found in turns.items():
        size = "" if name.startswith("http") else f", {Path(name).stat().st_size / 1e6:.2f} MB"
        ready, move, drag = (Spread(tuple(values)) for values in zip(*found, strict=True))
        print(f"{name.split('?')[0]}{size}: ready after {ready} ms; {move} ms per move, {drag} ms while dragging")


if __name__ == "__main__":
    main()
