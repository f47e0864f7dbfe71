"""The page of config keys: the arguments of every class that a config can name, with types and defaults."""

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from docstring_parser import parse
from pytorch_lightning import Trainer

from lr_lightning import data, networks
from lr_lightning.callbacks.registry import ASSAYS
from lr_lightning.commands.config.known_names import SET_BY_THE_RUN
from lr_lightning.commands.fit.parser import fit_parser
from lr_lightning.data.registry import DATA_SETS, OWN_DATA
from lr_lightning.loggers import RunWandbLogger
from lr_lightning.losses import LIKELIHOODS
from lr_lightning.models import MODELS, CosineSchedule, CyclicSchedule, LinearSchedule, ScheduledLearningRate, WarmUp
from reference.tables import heading, literal, table

_INTRODUCTION = """\
A config names classes and their arguments, and each of these keys is also an option of the command line:
``--model.beta 8``. ``lr-lightning fit --config quickstart --print_config`` prints a whole config with all defaults.
:doc:`/runs` describes how configs are composed."""
_TRAINER = """\
The arguments of Lightning's Trainer, which documents them. ``precision`` depends on the processor, see
:doc:`/precision`, and ``default_root_dir`` is the run folder."""
_OF_LIGHTNING = {
    "seed_everything": "Seed of the run; of the first of several ``seeds``",
    "ckpt_path": "Checkpoint to resume from, or ``last``; a run folder as argument chooses it",
    "weights_only": "``false`` also reads checkpoints with other objects than tensors, and may execute them",
}
"""Keys that Lightning describes in its own words."""
_NO_KEYS = ("help", "config", "print_config", "optimizer", "lr_scheduler")
_COLUMNS = ("key", "type", "default", "")
_WIDTHS = (22, 22, 14, 42)


def config_page() -> str:
    """Return the page."""
    lines = [*heading("Config keys", "="), _INTRODUCTION, ""]
    lines += [*heading("Of a run", "-"), *table(_COLUMNS, _run_rows(), _WIDTHS)]
    wandb = [row for row in _rows(RunWandbLogger, "wandb.") if row[0].strip("`").split(".")[1] not in SET_BY_THE_RUN]
    lines += [*heading("wandb", "-"), *table(_COLUMNS, wandb, _WIDTHS)]
    for title, classes in _kinds().items():
        module = next(iter(classes.values())).__module__.rsplit(".", 1)[0]
        lines += [*heading(title, "-"), f".. py:currentmodule:: {'.'.join(module.split('.')[:2])}", ""]
        for name, cls in classes.items():
            lines += [*heading(name, "^"), *_described(cls)]
    trainer = [row[:3] for row in _rows(Trainer, "trainer.")]
    lines += [*heading("trainer", "-"), _TRAINER, "", *table(_COLUMNS[:3], trainer, (30, 45, 25))]
    return "\n".join(lines) + "\n"


def _kinds() -> Mapping[str, Mapping[str, type]]:
    """Return the classes that configs name, by where they are named."""
    schedules = (LinearSchedule, CosineSchedule, CyclicSchedule, WarmUp, ScheduledLearningRate)
    sets = {path.partition(":")[2]: path for path in DATA_SETS.entries.values()} | dict(OWN_DATA)
    return {
        "Models": {name: MODELS[name] for name in MODELS.entries},
        "Networks": {name: networks.NETWORKS[name] for name in networks.NETWORKS.entries},
        "Likelihoods": {name: LIKELIHOODS[name] for name in LIKELIHOODS.entries},
        "Schedules": {cls.__name__: cls for cls in schedules},
        "Data module": {
            cls.__name__: cls
            for cls in (data.FactorDataModule, data.FactorPairs, data.FactorTriplets, data.AugmentedPairs)
        }
        | {"FactorCorrelation": data.FactorCorrelation},
        "Data sets": {name: getattr(data, name) for name in sets},
        "Assays": {ASSAYS[name].__name__: ASSAYS[name] for name in ASSAYS.entries},
    }


def _described(cls: type) -> list[str]:
    """Return the lines of a class: what it is, and its arguments."""
    summary = parse(inspect.getdoc(cls) or "").short_description or ""
    rows = list(_rows(cls))
    return [_one_line(summary), "", *(table(_COLUMNS, rows, _WIDTHS) if rows else ["It has no arguments.", ""])]


def _rows(cls: type, prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Yield key, type, default and description of each argument, those that are passed on to parents included."""
    seen = {"self"}
    for base in cls.__mro__:
        constructor = vars(base).get("__init__")
        if constructor is None:
            continue
        texts = {each.arg_name: each.description or "" for each in parse(inspect.getdoc(base) or "").params}
        parameters = inspect.signature(constructor).parameters.values()
        for parameter in parameters:
            if parameter.name in seen or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            seen.add(parameter.name)
            text = _one_line(texts.get(parameter.name, ""))
            yield literal(f"{prefix}{parameter.name}"), _type(parameter), _default(parameter), text
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break


def _run_rows() -> Iterator[tuple[str, str, str, str]]:
    """Yield the keys of a run that are not arguments of a class."""
    known = ("model", "data", "trainer", "wandb")
    for action in fit_parser()._actions:
        key = action.dest
        if key.partition(".")[0] in known or key.rpartition(".")[2] in _NO_KEYS:
            continue
        kind = getattr(action, "_typehint", None) or action.type
        text = _OF_LIGHTNING.get(key, action.help or "").removesuffix(".")
        yield literal(key), literal(_name(kind)), literal(action.default), _one_line(text)


def _type(parameter: inspect.Parameter) -> str:
    return "" if parameter.annotation is parameter.empty else literal(_name(parameter.annotation))


def _name(annotation: Any) -> str:
    """Return an annotation without the modules of its names."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", text)


def _default(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return "required"
    if inspect.isroutine(parameter.default):  # the description says what it does
        return ""
    return literal(re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", repr(parameter.default)))


def _one_line(text: str) -> str:
    return " ".join(text.split())
