"""The words of a command line that choose the assays and metrics of an evaluation."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from lr_lightning.callbacks.registry import ASSAYS
from lr_lightning.commands.config.option_words import option_words
from lr_lightning.common.registry import public_path
from lr_lightning.metrics.core.sample import Codes

Assays: TypeAlias = Sequence[str] | Mapping[str, Mapping[str, Any]]
"""Names of assays, or the arguments of each by name."""
_SCORES = "disentanglement"


def assay_words(
    config: Mapping[str, Any], metrics: Sequence[str] | None, assays: Assays | None, codes: Codes | None = None
) -> list[str]:
    """Return the words that replace the assays and metrics of a config.

    Args:
        config: The resolved config of a run.
        metrics: Metrics or groups, none if empty; those of the config if ``None``.
        assays: The assays, by the names of :data:`~lr_lightning.callbacks.ASSAYS`, or by names of your choice if the
            arguments are a config with ``class_path``; those of the config if ``None``.
        codes: Whether scores use posterior means or samples; as in the config if ``None``.

    Raises:
        ValueError: If an assay is unknown.
    """
    words, present = [], config.get("assays") or {}
    if assays is not None:
        given = assays if isinstance(assays, Mapping) else {name: {} for name in assays}
        present = {name: _entry(name, arguments) for name, arguments in given.items()}
        words = ["--assays=null", *option_words({"assays": present})]
    if metrics is None and codes is None:
        return words
    names = [name for name, entry in present.items() if _computes_scores(entry)] or [_SCORES]
    if metrics is not None and not metrics:
        return words + option_words({f"assays.{name}": None for name in names})
    values: dict[str, Any] = {}
    for name in names:
        if name not in present:
            values[f"assays.{name}"] = public_path(ASSAYS[_SCORES])
        if metrics is not None:
            values |= {f"assays.{name}.metrics": list(metrics), f"assays.{name}.final_metrics": []}
        if codes is not None:
            values[f"assays.{name}.codes"] = codes
    return words + option_words(values)


def _entry(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of an assay."""
    if "class_path" in arguments:
        return dict(arguments)
    return {"class_path": public_path(ASSAYS[name]), "init_args": dict(arguments)}


def _computes_scores(entry: Any) -> bool:
    path = entry.get("class_path") if isinstance(entry, Mapping) else entry
    return isinstance(path, str) and path.rpartition(".")[2] == ASSAYS[_SCORES].__name__
