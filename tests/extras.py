"""Tests that need packages of extras: skipped without them, unless they are required to run."""

import os
from importlib.util import find_spec

import pytest

REQUIRED = "LR_LIGHTNING_REQUIRE_EXTRAS"
"""Environment variable: if it is 1, a missing package is a failure."""


def needs(*packages: str) -> pytest.MarkDecorator:
    """Mark a test, or a module as its ``pytestmark``, that needs ``packages``; import them inside the tests."""
    return pytest.mark.extra(*packages)


def check_packages(*packages: str) -> None:
    """Skip the current test if a package is missing, or fail it if packages are required."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing and os.environ.get(REQUIRED) == "1":
        pytest.fail(f"not installed: {', '.join(missing)} ({REQUIRED} is set)", pytrace=False)
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
