"""Arguments of assays in reports, which may take longer than a validation."""

import inspect
from typing import Any

from lr_lightning.callbacks.assay import AssayCallback


def report_arguments(assay: type[AssayCallback], seed: int = 0, num_samples: int | None = None) -> dict[str, Any]:
    """Return the arguments of an assay for ``lr-lightning assay``.

    Args:
        assay: Class of the assay.
        seed: Seed of its random choices; left out if the assay makes none.
        num_samples: Number of codes to measure, for assays with a ``size_argument``; their default if ``None``.

    Example:
        >>> from lr_lightning.callbacks import SamplingAssay
        >>> report_arguments(SamplingAssay, seed=3, num_samples=50)
        {'seed': 3, 'num_codes': 50}
    """
    arguments = dict(assay.report_options)
    if "seed" in inspect.signature(assay).parameters:
        arguments["seed"] = seed
    if assay.size_argument is not None and num_samples is not None:
        arguments[assay.size_argument] = num_samples
    return arguments


def default_size(assay: type[AssayCallback]) -> int | None:
    """Return the default number of codes of an assay in a report; ``None`` if it has no such argument."""
    if assay.size_argument is None:
        return None
    default = inspect.signature(assay).parameters[assay.size_argument].default
    return int(assay.report_options.get(assay.size_argument, default))
