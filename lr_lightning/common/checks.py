"""Checks of arguments, and the texts of errors."""


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ``ValueError`` for a ``value`` that is none of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def check_at_least(name: str, value: float, minimum: float) -> None:
    """Raise ``ValueError`` for a ``value`` below ``minimum``, or NaN."""
    if not value >= minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")


def one_line(error: BaseException) -> str:
    """Return the whole text of ``error`` with single spaces for line breaks; empty if it has none."""
    return " ".join(str(error).split())


def first_line(error: BaseException) -> str:
    """Return the first line of the text of ``error``, for reports of many lines; its kind if it has no text."""
    return (str(error).splitlines() or [type(error).__name__])[0]
