"""Writes the pages of the folder ``reference`` from the package, before Sphinx reads them.

They are not in the repository, so that they cannot differ from the code: the public API, the keys of configs, the
command line, and the keys that runs log. Files ``.txt`` are parts of other pages, which include them.
"""

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from reference.api import api_pages
from reference.commands import commands_page
from reference.config import config_page
from reference.logged_keys import logged_keys_page
from reference.zoo import packaged_configs, shipped_models


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages when the build begins."""
    app.connect("builder-inited", _write)
    app.connect("autodoc-skip-member", _skip_fields_of_named_tuples)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _write(app: Sphinx) -> None:
    folder = Path(app.srcdir) / "reference"
    pages = {
        "config.rst": config_page(),
        "commands.rst": commands_page(),
        "logged_keys.rst": logged_keys_page(),
        "shipped_models.txt": shipped_models(),
        "packaged_configs.txt": packaged_configs(),
        **{f"api/{name}.rst": page for name, page in api_pages().items()},
    }
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:  # unchanged pages are not read again
            path.write_text(text, encoding="utf-8")


def _skip_fields_of_named_tuples(_app: Sphinx, _what: str, _name: str, obj: Any, *_: Any) -> bool | None:
    """Leave out the attributes of named tuples that Python describes: the docstring of the class describes them."""
    return True if (getattr(obj, "__doc__", None) or "").startswith("Alias for field number") else None
