"""The documentation site builds without a warning, and its pages fetch nothing."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typing_extensions import override

from tests.extras import needs

ROOT = Path(__file__).parents[1]

pytestmark = [needs("sphinx", "furo", "myst_nb", "sphinx_copybutton"), pytest.mark.slow]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a copy of the pages, because a build writes the pages of the reference beside them."""
    folder = tmp_path_factory.mktemp("site")
    written = {str(ROOT / "docs"): {"_build", "reference"}}
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=lambda path, _: written.get(path, set()))
    for page in ROOT.glob("*.md"):
        shutil.copy(page, folder)
    words = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-q", "-b", "html", "docs", "html"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder / "html"


class Page(HTMLParser):
    """Collects what a browser fetches for a page, and how it draws formulas."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.num_formulas = 0
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("script", "img", "iframe", "source"):
            self.fetched += [values["src"] or ""] if "src" in values else []
        if tag == "link" and values.get("rel") != "canonical":
            self.fetched.append(values.get("href") or "")
        self.num_formulas += tag == "math"


def test_pages_fetch_nothing(site: Path) -> None:
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    assert len(pages) > 50
    for path, page in pages.items():
        for address in page.fetched:
            assert "//" not in address, (path, address)
            assert address.startswith("data:") or (path.parent / address.split("?")[0].split("#")[0]).exists(), address
    for style in site.rglob("*.css"):
        assert not re.findall(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", style.read_text(encoding="utf-8")), style
    for script in site.rglob("*.js"):
        assert "cdn" not in script.name
    assert pages[site / "reference" / "api" / "lr_lightning_assays.html"].num_formulas > 20
    assert not list(site.rglob("*mathjax*"))


def test_subscripts_are_beside_letters_with_accents(site: Path) -> None:
    page = (site / "reference" / "api" / "lr_lightning_metrics_functional.html").read_text(encoding="utf-8")
    assert re.search(r"<mover accent=\"true\">\s*<mi>P</mi>", page)
    assert not re.search(r"[~ˉˆ]</mo>\s*</munderover>", page)


def test_reference_is_complete(site: Path) -> None:
    config = (site / "reference" / "config.html").read_text(encoding="utf-8")
    for key in ("seed_everything", "wandb.group", "trainer.max_steps", "latent_dim", "num_traversals", "held_out"):
        assert key in config
    assert " at 0x" not in config
    commands = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    for words in ("--num_repeats", "--overwrite", "study run", "--dry_run"):
        assert words in commands
    keys = (site / "reference" / "logged_keys.html").read_text(encoding="utf-8")
    assert "assay/conditioned_response/owned_factors" in keys
    assert "pairwise_mutual_information" in keys
