"""Numbers in words, for the sentences and summaries of assays."""

import math
from collections.abc import Mapping


def number(value: float) -> str:
    """Return ``value`` with three digits, with an exponent only if necessary; NaN is ``"undefined"``.

    Example:
        >>> number(0.03456), number(1234.5), number(7.0), number(3e-9)
        ('0.0346', '1,234', '7', '3e-09')
    """
    if math.isnan(value):
        return "undefined"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"


def percent(value: float) -> str:
    """Return a share in percent; NaN is ``"undefined"``.

    Example:
        >>> percent(0.256)
        '26%'
    """
    return "undefined" if math.isnan(value) else f"{value:.0%}"


def count(value: float, one: str, many: str | None = None) -> str:
    """Return a number with its noun; the plural is ``many`` or, by default, ``one`` with an s.

    Example:
        >>> count(1, "group"), count(2.0, "group")
        ('1 group', '2 groups')
    """
    return f"{number(value)} {one if value == 1 else many or f'{one}s'}"


def of_latents(value: float, latent_dim: int) -> str:
    """Return the subject and verb of a sentence about some of the latents.

    Example:
        >>> of_latents(7, 10), of_latents(1, 10)
        ('7 of 10 latents are', '1 of 10 latents is')
    """
    return f"{number(value)} of {count(latent_dim, 'latent')} {'is' if value == 1 else 'are'}"


def defined(*values: float) -> bool:
    """Return whether no value is NaN."""
    return not any(math.isnan(value) for value in values)


def decimal(value: float, digits: int) -> str:
    """Return a number with ``digits`` decimals; from a million on, e.g. for a diverged model, with an exponent.

    Example:
        >>> decimal(0.5, 2), decimal(123456789.0, 2)
        ('0.50', '1.23e+08')
    """
    return f"{value:.{digits}f}" if abs(value) < 1e6 else f"{value:.3g}"


def with_deviation(scalars: Mapping[str, float], key: str, digits: int) -> str:
    """Return a scalar as text, with its standard deviation over seeds if there is one (``<key>_sd``).

    Example:
        >>> with_deviation({"cds": 0.81, "cds_sd": 0.02}, "cds", 2)
        '0.81 ± 0.02'
    """
    deviation = scalars.get(f"{key}_sd")
    return decimal(scalars[key], digits) + ("" if deviation is None else f" ± {decimal(deviation, digits)}")


def labeled_rows(labels: Mapping[str, str], scalars: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return label and text of each scalar that has a label, in the order of ``labels``.

    Example:
        >>> labeled_rows({"cds": "CDS", "ccs": "CCS"}, {"cds": 0.81})
        [('CDS', '0.810')]
    """
    return [(label, with_deviation(scalars, key, 3)) for key, label in labels.items() if key in scalars]
