"""The packages that an export to ONNX needs."""

from importlib.util import find_spec

PACKAGES = ("onnx", "onnxruntime", "onnxscript")
"""Those of the extra ``explore``."""


def missing_packages(purpose: str) -> str | None:
    """Return which packages are missing and how to install them; ``None`` if there are all.

    Args:
        purpose: What needs them, for the message.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if not missing:
        return None
    return f"{purpose} needs {', '.join(missing)}: pip install 'lr-lightning[explore]'"
