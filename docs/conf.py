"""Configuration of Sphinx. The command that builds the site is in CONTRIBUTING.md."""

import os
import sys
from pathlib import Path

from lr_lightning import __version__

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "lr_lightning"
author = "the authors of lr_lightning"
release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "mathml",
    "reference",
]
exclude_patterns = ["_build", "_extensions"]

# Pages in Markdown, which are read on GitHub as well
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
myst_dmath_allow_space = False  # $HOME and ${head} in prose are no formulas

# Tutorials, which are executed whenever they are read
nb_execution_mode = "auto"
nb_execution_in_temp = True  # they write runs and files
nb_execution_timeout = 600
nb_execution_raise_on_error = True
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # they call lr-lightning

# Docstrings
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False  # those of Lightning and PyTorch belong to their own sites
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
autosummary_generate = False

# Names without a page: those of other packages, whose inventories would have to be fetched, and of private modules
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(collections|contextlib|functools|importlib|numpy|pandas|pathlib|torch|torchmetrics|torchvision)\..*"),
    (r"py:.*", r"(pytorch_lightning|rich)(\..*)?"),
    (r"py:class", r"Figure|Tensor|Transform|pd\.DataFrame"),  # imported for type checking only
    (r"py:class", r"lr_lightning(\.\w+){2,}\.\w+"),  # types in signatures, where modules that are public define them
    (r"py:exc", r"FolderInUseError|UsageError"),  # caught as OSError and ValueError
]

# Pages that fetch nothing: MathML instead of a script, fonts of the system
html_theme = "furo"
html_title = "lr_lightning"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
