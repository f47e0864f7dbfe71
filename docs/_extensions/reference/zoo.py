"""Parts of the page of shipped models: tables made from the models and from the packaged configs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import lr_lightning as lr
from lr_lightning.commands.config.includes import read_config
from lr_lightning.commands.config.packaged import description, packaged_names
from lr_lightning.commands.run.exported import PACKAGED
from lr_lightning.configs import CONFIG_FOLDER
from lr_lightning.runs.sharing.card import CARD
from lr_lightning.runs.sharing.described import described
from lr_lightning.runs.sharing.markdown import table

_SECTIONS = ("Model", "Data", "Training", "License")
"""Sections of a model card that the page repeats."""
_SCORES = (
    "mig",
    "dcimig",
    "dci_lightgbm_disentanglement",
    "sap_r2",
    "modularity_informative",
    "factor_vae_score",
    "infomec_modularity",
    "infomec_explicitness",
    "infomec_compactness",
)
"""Scores that the page repeats, if the model has them."""
_ELSEWHERE = ("network", "optimizer", "lr_scheduler", "likelihood")
_FILES = ("root", "path", "split", "transforms")
"""Arguments of data sets that say nothing about what they contain."""
_TIME = re.compile(r"[^.,;:()]+ on \w+ CPU(?: cores?)?")
"""The part of a config's description that says how long it takes."""


def shipped_models() -> str:
    """Return a section on each model of the package, as Markdown: parts of its card, and its main scores."""
    return "\n\n".join(part for name, folder in PACKAGED.items() for part in _model(name, folder)) + "\n"


def _model(name: str, folder: Path) -> Iterator[str]:
    sections = _sections((folder / CARD).read_text(encoding="utf-8"))
    title, _, about = sections.pop("").removeprefix("# ").partition("\n")
    yield f"## `{name}`: {title}"
    yield about.strip()
    for heading in _SECTIONS:
        yield f"### {heading}"
        yield sections[heading].strip()
    yield "### Scores"
    yield _scores(lr.load_run(folder))
    yield (
        f"`lr_lightning/{name}/{CARD}`, its card, has all scores, how they were measured, and cautions. "
        f"`lr_lightning/{name}/config.yaml` trains it again."
    )


def _sections(card: str) -> dict[str, str]:
    """Return the sections of a card by heading; what precedes the first has an empty one."""
    first, *parts = re.split(r"^## (.+)\n", card, flags=re.MULTILINE)
    return {"": first, **dict(zip(parts[::2], parts[1::2], strict=True))}


def _scores(run: lr.Run) -> str:
    found = {score.row.name: score.row for score in run.scores}
    rows = [
        (f"`{name}`", *(_number(value) for value in (row.value, row.chance, row.ceiling)))
        for name, row in found.items()
        if name in _SCORES
    ]
    losses = [
        (f"`{key}`", f"{value:.2f} nats", "", "")
        for key, value in run.scalars.items()
        if key in ("val/reconstruction", "val/kl", "test/reconstruction", "test/kl")
    ]
    return table(("", "value", "chance", "ceiling"), [*losses, *rows]) or "No scores were recorded."


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def packaged_configs() -> str:
    """Return a table of the packaged configs, as Markdown: what each trains, on what, and for how long."""
    rows = [_config_row(name) for name in packaged_names()]
    return table(("config", "model", "network", "data set", "steps", "time"), rows) + "\n"


def _config_row(name: str) -> Sequence[str]:
    path = CONFIG_FOLDER / f"{name}.yaml"
    config: Mapping[str, Any] = read_config(path)
    model, data = config["model"], config["data"]["init_args"]
    groups = data.get("groups")
    data_set = _code(data["dataset"], _FILES) + (f", {_code(groups)}" if groups else "")
    network = _code(model["init_args"]["network"], ("channels", "image_size", "observation_shape"))
    found = _TIME.search(description(path))
    time = "" if found is None else found[0].strip()
    steps = f"{_num_steps(config):,} of {data['batch_size']}"
    return f"`{name}`", _code(model, _ELSEWHERE), network, data_set, steps, time[:1].upper() + time[1:]


def _num_steps(config: Mapping[str, Any]) -> int:
    """Return the number of steps that a config trains for."""
    trainer = config["trainer"]
    if "max_steps" in trainer:
        return int(trainer["max_steps"])
    return int(trainer["max_epochs"] * config["data"]["init_args"]["batches_per_epoch"])


def _code(entry: Any, hidden: Sequence[str] = ()) -> str:
    """Return a class with its arguments, as Python writes them."""
    text = described({"class_path": entry} if isinstance(entry, str) else entry, hidden)
    return f"`{text.removesuffix('()')}`"
