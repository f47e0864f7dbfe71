"""The model card: what a shared model is, how it was made, how well it scores and how to load it, as Markdown.

Every number comes from the config, the weights and the records of the run.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

from lr_lightning.callbacks import AssayCallback
from lr_lightning.callbacks.run.summary import assay_rows, loss_rows
from lr_lightning.callbacks.sentences import count
from lr_lightning.commands.run.folder import CONFIG
from lr_lightning.commands.run.weights_file import WEIGHTS
from lr_lightning.metrics.score_files import row_of_json
from lr_lightning.metrics.score_table import ScoreRow
from lr_lightning.models import AutoencoderModule
from lr_lightning.runs.results import scalars_of
from lr_lightning.runs.sharing.described import described, find_class, summary_of
from lr_lightning.runs.sharing.markdown import table
from lr_lightning.runs.sharing.onnx_files import OnnxFile
from lr_lightning.runs.sharing.onnx_section import onnx_section
from lr_lightning.runs.sharing.shared_results import SharedWeights

CARD = "README.md"

_LOADING = """\
## How to load it

```python
import lr_lightning as lr

run = lr.load_run("{name}")  # the path of this folder
model = run.model()  # a LightningModule, on the CPU
run.scores, run.scalars  # the numbers below
```

```
lr-lightning assay {name} --out report
lr-lightning fit --config FOLDER/{config} --initial_weights FOLDER
```

`{weights}` contains the weights alone, and reading it executes no code. `{config}` names the classes of the
model and the data, which are imported from installed packages."""

_HEADINGS = {
    "fit": "During training, on the validation set",
    "validate": "On the validation set",
    "test": "On the test set",
}
"""Heading of the scores of each command."""


@dataclass(frozen=True)
class SharedModel:
    """What the card is about.

    Attributes:
        name: Name of the folder.
        model: The model with its weights.
        weights: Which weights of the run these are.
        config: The config that is shared.
        results: The results that are shared, one entry for each command.
        assays: The assays of the config.
        license: License of the weights.
        notes: Further text, Markdown; empty if there is none.
        started_from: Name of the file with the initial weights; empty if training began from scratch.
        onnx: Encoder and decoder as ONNX; empty if they were not exported.
    """

    name: str
    model: AutoencoderModule
    weights: SharedWeights
    config: Mapping[str, Any]
    results: Mapping[str, Any]
    assays: Sequence[AssayCallback]
    license: str
    notes: str = ""
    started_from: str = ""
    onnx: Sequence[OnnxFile] = ()


def model_card(shared: SharedModel) -> str:
    """Return the text of the card."""
    class_path = str(shared.config["model"]["class_path"])
    data = shared.results.get("fit", {}).get("data") or {}
    on_data = f" on {data['name']}" if data else ""
    parts = [
        f"# {class_path.rpartition('.')[2]}{on_data}",
        summary_of(class_path),
        shared.notes.strip(),
        _LOADING.format(name=shared.name, config=CONFIG, weights=WEIGHTS),
        onnx_section(shared.name, shared.onnx),
        *_origin(shared.results.get("import")),
        "## Model",
        _facts(_model_facts(shared)),
        "## Data",
        _facts(_data_facts(shared.config, data)),
        "## Training",
        _facts(_training_facts(shared)),
        "## Scores",
        *_scores(shared),
        "## License",
        f"Weights: {shared.license}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _origin(record: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield the section on where an imported model is from."""
    if record is None:
        return
    yield "## Origin"
    yield _facts(
        {
            "Project": str(record.get("url", "")),
            "License of the project": str(record.get("license", "")),
            "File": f"`{record.get('file')}`, SHA-256 `{record.get('sha256')}`",
        }
    )
    yield "\n".join(f"- {note}" for note in record.get("notes", ()))


def _model_facts(shared: SharedModel) -> dict[str, str]:
    entry, model = shared.config["model"], shared.model
    arguments = entry.get("init_args") or {}
    of_every_model = signature(AutoencoderModule).parameters
    parameters = sum(parameter.numel() for parameter in model.parameters())
    num_bytes = sum(value.numel() * value.element_size() for value in model.state_dict().values())
    return {
        "Objective": _code(described(entry, of_every_model)),
        "Likelihood": _code(described(arguments.get("likelihood") or {"class_path": _class_name(model.likelihood)})),
        "Network": _code(described(arguments["network"])),
        "Latents": str(model.latent_dim),
        "Observations": f"{tuple(model.observation_shape)}",
        "Parameters": f"{parameters:,} ({num_bytes / 1e6:.1f} MB of weights)",
    }


def _data_facts(config: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, str]:
    arguments = (config.get("data") or {}).get("init_args") or {}
    dataset = arguments.get("dataset")
    facts = {"Data set": _code(described(dataset)) if dataset else ""}
    if data:
        factors = ", ".join(f"{name} ({size})" for name, size in data["factors"].items())
        version = data.get("renderer_version")
        facts |= {
            "Observations": f"{data['num_samples']:,}",
            "Factors": factors or "none",
            "Version of the renderer": "" if version is None else str(version),
            "Content": f"SHA-256 of 64 evenly spaced observations and their factors: `{data['sha256_of_64']}`",
        }
    held_out = arguments.get("val_size")
    return facts | {
        "License of the data": _license_of(dataset, data.get("name")),
        "Held out for validation": "" if held_out is None else f"{held_out:,} observations",
    }


def _license_of(dataset: Any, name: Any) -> str:
    """Return the license of a data set of which it is known, otherwise nothing."""
    if not isinstance(dataset, Mapping):
        return ""
    records = getattr(find_class(str(dataset["class_path"])), "records", ())
    return next((record.license for record in records if record.name == name), "")


def _training_facts(shared: SharedModel) -> dict[str, str]:
    return _protocol(shared) | _circumstances(shared)


def _protocol(shared: SharedModel) -> dict[str, str]:
    """Return what the config says about training."""
    config = shared.config
    data, arguments = (config.get("data") or {}).get("init_args") or {}, config["model"].get("init_args") or {}
    groups, optimizer, schedule = data.get("groups"), arguments.get("optimizer"), arguments.get("lr_scheduler")
    seed = config.get("seed_everything")
    return {
        "Steps": _steps(shared),
        "Batch size": f"{data['batch_size']} {'groups' if groups else 'observations'}" if "batch_size" in data else "",
        "Groups": f"{_code(described(groups))}: {summary_of(groups['class_path'])}" if groups else "",
        "Optimizer": _code(described(optimizer, brief=("lr",))) if optimizer else "",
        "Learning-rate schedule": _code(described(schedule, brief=())) if schedule else "",
        "Initial weights": _code(shared.started_from) if shared.started_from else "",
        "Seed": "none" if seed is None or seed is False else str(seed),
        "Precision": _code(config["trainer"]["precision"]) if config["trainer"].get("precision") else "",
    }


def _steps(shared: SharedModel) -> str:
    """Return the step of the weights, and how they were chosen if training went further."""
    weights, trained = shared.weights, shared.results.get("fit", {}).get("trained_steps")
    if trained is None or trained == weights.step:
        return f"{weights.step:,}"
    chosen = f", selected by {_code(shared.config['checkpoint']['monitor'])}" if weights.name == "best" else ""
    return f"{weights.step:,} of {trained:,}: the weights of `{weights.name}.ckpt`{chosen}"


def _circumstances(shared: SharedModel) -> dict[str, str]:
    """Return what the record says about training."""
    record, seeds = shared.results.get("fit", {}), shared.weights.seeds
    beside = f" ({count(len(seeds), 'model')} trained together)" if seeds else ""
    versions = record.get("versions", {})
    return {
        "Threads": ", ".join(dict.fromkeys(str(each["threads"]) for each in record.get("threads", []))),
        "Time": f"{record['seconds']:,.0f} s{beside}, assays included" if "seconds" in record else "",
        "Versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "Commit of lr-lightning": _code(record["git_commit"]) if record.get("git_commit") else "",
    }


def _scores(shared: SharedModel) -> Iterator[str]:
    """Yield the parts of the section on scores: how to read them, a table for each evaluation, and cautions."""
    records = {stage: each for stage, each in shared.results.items() if each.get("scalars") or each.get("scores")}
    if not records:
        yield "No scores of these weights were recorded."
        return
    yield (
        "All numbers are those of this one model, trained with one seed. Chance is the score of codes that know "
        "nothing of the factors, ceiling that of a perfect code on the same observations; both are empty where they "
        "were not measured."
    )
    for stage, record in records.items():
        yield f"### {_HEADINGS.get(stage, stage)}"
        yield _part(record, shared.results.get("fit", {}).get("data"))
        scalars = scalars_of(record)
        rows = [*loss_rows(scalars, "test" if stage == "test" else "val"), *assay_rows(shared.assays, scalars)]
        yield table(("", "value"), rows)
        yield _score_table([row_of_json(values) for values in record["scores"]])
    cautions = dict.fromkeys(text for record in records.values() for text in record.get("cautions", ()))
    if cautions:
        yield "### Cautions"
        yield "\n".join(f"- {text}" for text in cautions)


def _part(record: Mapping[str, Any], training_data: Any) -> str:
    """Return a sentence on the observations that were evaluated, and on the data set if training had another one."""
    evaluated, available = record.get("num_evaluated"), record.get("num_available")
    sentence = ""
    if evaluated is not None:
        part = "all" if evaluated == available else f"{evaluated:,} randomly drawn ones of"
        sentence = f"On {part} {available:,} observations."
    data = record.get("data")
    if data and training_data and data != training_data:
        sentence += f" They are of another data set than those of training, {data['name']}."
    return sentence.strip()


def _score_table(rows: Sequence[ScoreRow]) -> str:
    """Return a table of scores; columns without any value are left out."""
    headings = ("standard_error", "chance", "ceiling")
    present = [name for name in headings if any(getattr(row, name) is not None for row in rows)]
    lines = [
        (f"`{row.name}`", _number(row.value), *(_number(getattr(row, name)) for name in present), _better(row))
        for row in rows
    ]
    return table(("score", "value", *(name.replace("_", " ") for name in present), "better"), lines)


def _better(row: ScoreRow) -> str:
    return "higher" if row.higher_is_better else "lower"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return "undefined" if math.isnan(value) else f"{value:.3f}"


def _facts(facts: Mapping[str, str]) -> str:
    return table(("", ""), [(label, text) for label, text in facts.items() if text])


def _code(text: str) -> str:
    return f"`{text}`"


def _class_name(instance: object) -> str:
    return f"{type(instance).__module__}.{type(instance).__qualname__}"
