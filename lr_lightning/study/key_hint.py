"""What to write instead of an unknown key."""

from collections.abc import Collection
from difflib import get_close_matches


def key_hint(key: object, known: Collection[str]) -> str:
    """Return the known key that is most like ``key`` as a question, or all of them if none is.

    Example:
        >>> key_hint("sedes", ["seeds", "grid"])
        'did you mean seeds?'
    """
    close = get_close_matches(str(key), known, n=1)
    return f"did you mean {close[0]}?" if close else f"choose from {', '.join(known)}"
