"""The page of logged keys: what the models and assays declare."""

import inspect
from collections.abc import Iterator

from docstring_parser import parse

from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.registry import ASSAYS
from lr_lightning.commands.fit.monitor_check import assay_keys
from lr_lightning.metrics.registry import METRICS
from reference.tables import heading, literal, table

_INTRODUCTION = """\
Models log ``loss``, ``reconstruction`` and their further terms under ``train/``, ``val/`` and ``test/``:
:doc:`/models` has their units. Assays log ``assay/NAME/QUANTITY``, where ``NAME`` is the assay's name in the config, by
default as below, and ``*`` stands for parts that depend on the model or the data. Every assay also logs
``assay/NAME/seconds``, the time that it took. Each key of a validation can choose the best checkpoint
(``--checkpoint.monitor``) and end training early (``EarlyStopping``).

With several seeds, keys have the mean over seeds, keys that end in ``_sd`` the standard deviation, and keys that begin
with ``seed_3/`` the value of one seed."""
_SCORES = """\
``DisentanglementAssay`` logs ``metric/FAMILY/VARIANT``, where the family is the first word of the metric's name:
``metric/mig/score``, ``metric/dci/lightgbm_completeness``. The table lists the names of the metrics;
``lr-lightning score --list`` describes them."""


def logged_keys_page() -> str:
    """Return the page."""
    lines = [*heading("Logged keys", "="), _INTRODUCTION, ""]
    for name in ASSAYS.entries:
        assay = ASSAYS[name]
        if name != "disentanglement":
            lines += [*heading(assay.__name__, "-"), *_described(assay), *_keys(assay)]
    names = [[literal(name), _summary(METRICS[name])] for name in METRICS.entries]
    lines += [*heading("Disentanglement scores", "-"), _SCORES, "", *table(("metric", ""), names)]
    return "\n".join(lines) + "\n"


def _described(assay: type[AssayCallback]) -> list[str]:
    """Return the description of an assay's docstring, which explains its scalars."""
    described = parse(inspect.getdoc(assay) or "")
    return [described.short_description or "", "", described.long_description or "", ""]


def _keys(assay: type[AssayCallback]) -> Iterator[str]:
    keys = [key for key in assay_keys(assay()) if not key.endswith("/seconds")]
    yield from (f"- ``{key}``" for key in keys)
    yield from ("",) if keys else ("It logs no scalars.", "")


def _summary(metric: type) -> str:
    return (parse(inspect.getdoc(metric) or "").short_description or "").split(";")[0].rstrip(".")
