"""Renders mathematics as MathML, which browsers draw themselves: pages need no script and no font for it.

Docutils translates LaTeX to MathML. A command that it does not know is a warning with the place of the formula, so that
a build with warnings as errors finds it.
"""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError, pick_math_environment
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

_LOGGER = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer ``mathml``."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(_mathml(self, node, node.astext()))
    raise nodes.SkipNode


def _visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    text = node.astext()
    if pick_math_environment(text).startswith("align"):  # several lines, or columns
        text = f"\\begin{{aligned}}\n{text}\n\\end{{aligned}}"
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    self.body.append(_mathml(self, node, text, as_block=True))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def _mathml(self: HTML5Translator, node: nodes.Element, text: str, *, as_block: bool = False) -> str:
    # Docutils would put the subscript of a letter with an accent below the letter.
    text = re.sub(r"(\\(?:bar|hat|tilde) ?\\?[A-Za-z]+)_", r"\1{}_", text)
    try:
        return str(tex2mathml(text, as_block=as_block))
    except MathError as error:
        _LOGGER.warning("formula %r: %s", text, error, location=node, type="mathml")
        return f"<code>{self.encode(text)}</code>"
