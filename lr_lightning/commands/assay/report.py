"""The contents of the report of ``lr-lightning assay``."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lr_lightning.callbacks import AssayCallback
from lr_lightning.callbacks.run.run_record import RESULTS
from lr_lightning.commands.assay.trainer import AssayCLI
from lr_lightning.commands.page import Picture, Report, Section
from lr_lightning.common.files import quoted_path
from lr_lightning.loggers.media import arrays_path, figure_path, page_path


def assay_report(command_line: AssayCLI, notes: Sequence[str]) -> Report:
    """Return the report on a completed validation or test.

    Args:
        command_line: The command line after it has run; its folder contains ``results.json`` and the figures.
        notes: Remarks on undefined scores.
    """
    stage = str(command_line.subcommand)
    record = json.loads((command_line.folder / RESULTS).read_text())[stage]
    sections = [_section(command_line, assay) for assay in command_line.assays]
    skipped = [f"{name} was skipped: {reason}." for name, reason in command_line.skipped.items()]
    return Report(
        title=f"Assays of {record['config']['ckpt_path']}",
        facts=_facts(command_line, record),
        warnings=[
            warning for assay in command_line.assays if assay.result is not None for warning in assay.result.warnings
        ],
        notes=[*skipped, *notes],
        sections=sections,
    )


def _facts(command_line: AssayCLI, record: dict[str, Any]) -> dict[str, str]:
    """Return the facts at the top of the report: model, data, versions, time."""
    model, data, scalars, versions = command_line.model, record["data"], record["scalars"], record["versions"]
    prefix = "test" if command_line.subcommand == "test" else "val"
    split = "test" if command_line.subcommand == "test" else "validation"
    terms = {
        "reconstruction": "reconstruction {:.2f} nats per observation",
        "kl": "kl {:.2f} nats per observation",
        "bits_per_dimension": "negative ELBO {:.2f} bits per dimension",
    }
    values = {text: scalars.get(f"{prefix}/{name}") for name, text in terms.items()}
    facts = {
        "Model": f"{type(model).__name__} on {type(model.network).__name__}, {model.latent_dim} latents, "
        f"{record['step']:,} steps",
        "Data": f"{command_line.stages.num_observations:,} observations of the {split} set"
        + ("" if data is None else f" of {data['name']} ({data['num_samples']:,} in all)"),
        "Loss": ", ".join(text.format(value) for text, value in values.items() if value is not None),
        "Versions": f"lr-lightning {versions.get('lr-lightning', '?')} ({record['git_commit'] or 'no commit'}), "
        f"torch {versions['torch']}",
        "Time": f"{record['seconds']:.0f} s, of which assays {record['assay_seconds']:.0f} s",
        "Explore": f"lr-lightning explore {quoted_path(Path(record['config']['ckpt_path']))} "
        "opens a page on which latents are moved by hand",
    }
    return {name: text for name, text in facts.items() if text}


def _section(command_line: AssayCLI, assay: AssayCallback) -> Section:
    result, trainer = assay.result, command_line.trainer
    assert result is not None  # it has run
    scalars = {key: float(value) for key, value in result.scalars.items()}
    pictures = []
    for key in result.figures:
        path = figure_path(trainer, f"{assay.prefix}/{key}")
        assert path is not None  # this Trainer has a folder
        pictures.append(Picture(assay.caption(key), path.read_bytes()))
    links = {}
    for key in result.pages:
        page = page_path(trainer, f"{assay.prefix}/{key}")
        assert page is not None  # as above
        links[f"Open the {key.replace('_', ' ')}"] = Path(os.path.relpath(page, command_line.folder)).as_posix()
    arrays = arrays_path(trainer, f"assay/{assay.name}") if result.arrays else None
    return Section(
        name=assay.name,
        summary=assay.summary or type(assay).__name__,
        interpretations=list(assay.interpretations(scalars, command_line.model.latent_dim)),
        pictures=pictures,
        scalars=scalars,
        tables=result.tables,
        links=links,
        arrays=None if arrays is None else str(arrays.relative_to(command_line.folder)),
        seconds=assay.total_seconds,
    )
