"""Checks of arguments, and the text of exceptions."""

NO_POSTERIORS = (
    "codes='sample' needs log-variances, which deterministic autoencoders do not have; use codes='mean', which are "
    "their codes"
)
"""Message of the error for samples from the posteriors of a model that has none."""


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ``ValueError`` if ``value`` is not one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def check_at_least(name: str, value: float, minimum: float) -> None:
    """Raise ``ValueError`` if ``value`` is below ``minimum`` or NaN."""
    if not value >= minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")


def check_non_negative(name: str, value: float) -> None:
    """Raise ``ValueError`` if ``value`` is negative, infinite or NaN."""
    if not 0 <= value < float("inf"):
        raise ValueError(f"{name} must be finite and not negative, got {value}")


def check_positive(name: str, value: float) -> None:
    """Raise ``ValueError`` if ``value`` is zero, negative, infinite or NaN."""
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be positive and finite, got {value}")


def one_line(error: BaseException) -> str:
    """Return the text of ``error`` on one line, with line breaks replaced by spaces; empty if it has no text."""
    return " ".join(str(error).split())


def first_line(error: BaseException) -> str:
    """Return the first line of the text of ``error``, or its class name if it has no text."""
    return (str(error).splitlines() or [type(error).__name__])[0]
