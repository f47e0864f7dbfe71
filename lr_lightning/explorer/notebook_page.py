"""A page as the value of a notebook's cell."""

from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from lr_lightning.common.files import write_atomically


@dataclass(frozen=True, repr=False)
class ExplorerPage:
    """A page of the explorer, which a notebook shows where it is the value of a cell.

    Attributes:
        title: Its title.
        html: The page, a complete HTML document.
        height: Height in a notebook, in pixels.
    """

    title: str
    html: str = field(repr=False)
    height: int = 900

    def __repr__(self) -> str:
        """Return the title and the size, not the page."""
        return f"ExplorerPage({self.title!r}, {len(self.html) / 1e6:.1f} MB)"

    def save(self, path: str | Path) -> Path:
        """Write the page to a file, complete or not at all, and return its path."""
        content = self.html.encode()
        write_atomically(Path(path), lambda file: file.write(content))
        return Path(path)

    def _repr_html_(self) -> str:
        """Return a frame with the page inside, which shares nothing with the notebook but its space."""
        return (
            f'<iframe title="{escape(self.title)}" srcdoc="{escape(self.html)}" width="100%" height="{self.height}" '
            'style="border: 0" allow="fullscreen" sandbox="allow-scripts allow-downloads"></iframe>'
        )
