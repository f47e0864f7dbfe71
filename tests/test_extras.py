"""How tests treat packages that are not installed."""

import pytest

from tests.extras import REQUIRED, check_packages


def test_a_missing_package_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="no_such_package"):
        check_packages("pytest", "no_such_package")


def test_a_missing_package_fails_if_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="no_such_package"):
        check_packages("no_such_package")
    check_packages("pytest")
