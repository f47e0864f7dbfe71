"""Names of scores on the command line."""


def names_in(text: str | None) -> list[str] | None:
    """Return the names in a comma-separated list; ``None`` if it was not given.

    Example:
        >>> names_in("mig, dci")
        ['mig', 'dci']
    """
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
