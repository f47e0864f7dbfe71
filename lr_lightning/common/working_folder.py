"""Modules in the working folder, which Python searches for the command line only if it is told to."""

from pathlib import Path


def working_folder_hint(module: str | None) -> str:
    """Return how to import a module that was not found but lies in the working folder; empty for any other.

    Args:
        module: Name of the module that was not found, such as ``"package.module"``.
    """
    name = (module or "").partition(".")[0]
    if not name or not (Path(f"{name}.py").is_file() or Path(name, "__init__.py").is_file()):
        return ""
    return "; it is in the working folder, which is searched with PYTHONPATH=."
