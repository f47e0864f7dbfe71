"""Running the command line and reading its report."""

from html.parser import HTMLParser
from pathlib import Path

import pytest
from typing_extensions import override

from lr_lightning.cli import main


def run(*arguments: str) -> int:
    """Return the exit code of the command line on ``arguments``."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


class Page(HTMLParser):
    """The sources, links, sections, captions and text of a page, as a browser would show them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.links: list[str] = []
        self.sections: list[str] = []
        self.captions: list[str] = []
        self.text = ""
        self._tags: list[str] = []
        self.feed(path.read_text())

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "iframe", "object")
        values = {name: value or "" for name, value in attrs}
        self.sources += [values[name] for name in ("src", "srcset", "data", "poster") if name in values]
        self.links += [values["href"]] if "href" in values else []
        self.sections += [values["id"]] if tag == "section" and "id" in values else []
        self._tags.append(tag)

    @override
    def handle_data(self, data: str) -> None:
        if self._tags and self._tags[-1] == "style":
            assert "url(" not in data
            assert "@import" not in data
            return
        self.text += data
        if self._tags and self._tags[-1] == "figcaption" and data.strip():
            self.captions.append(data)
