"""The summary of a run in the terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lr_lightning.callbacks.assay import AssayCallback, assays_of
from lr_lightning.callbacks.ensemble_assay import Ensemble
from lr_lightning.callbacks.run.next_steps import next_steps
from lr_lightning.callbacks.sentences import with_deviation


def print_summary(trainer: Trainer, pl_module: LightningModule, stage: str, record: dict[str, Any]) -> None:
    """Print scores, caveats, the paths of files and the next steps.

    Args:
        trainer: The Trainer at the end of its run.
        pl_module: The model.
        stage: ``"fit"``, ``"validate"`` or ``"test"``.
        record: The entry of this run in ``results.json``.
    """
    scalars = record["scalars"]
    name = type(pl_module).__name__
    if isinstance(pl_module, Ensemble):
        number = len(pl_module.names) - len(pl_module.diverged)
        name = f"{type(pl_module.members[0]).__name__}, {number} seeds (mean ± sd),"
    table = Table(title=f"{name} after {record['step']:,} steps ({stage})", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    set_name = "test" if stage == "test" else "val"
    for name, text in [*loss_rows(scalars, set_name), *assay_rows(assays_of(trainer), scalars)]:
        table.add_row(Text(name), Text(text))  # brackets of units would be read as markup
    evaluated, available = record["num_evaluated"], record["num_available"]
    if evaluated is not None and evaluated < available:
        limit = "limit_test_batches" if stage == "test" else "limit_val_batches"
        table.add_row("Evaluated on", f"{evaluated:,} of {available:,} observations, drawn at random (trainer.{limit})")
    share = record["assay_seconds"] / max(record["seconds"], 1e-9)
    table.add_row("Time", f"{record['seconds']:.0f} s, of which assays {record['assay_seconds']:.1f} s ({share:.1%})")
    console = Console(force_jupyter=False)  # notebooks would show it even where standard output is captured
    console.print()
    for assay in assays_of(trainer):
        if (details := assay.summary_table()) is not None:
            console.print(details)
    console.print(table)
    for sentence in record["cautions"]:
        console.print(Padding(Text(f"! {sentence}", style="yellow"), (0, 0, 0, 1)))
    for line in next_steps(trainer, stage):
        print(line)  # verbatim, because paths may look like markup


def loss_rows(scalars: Mapping[str, float], stage: str) -> list[tuple[str, str]]:
    """Return labels and texts of the loss terms, with their units.

    Args:
        scalars: Logged scalars.
        stage: ``"val"`` or ``"test"``.
    """
    nats = "nats per observation"
    names = {
        "reconstruction": ("Reconstruction", nats),
        "kl": ("KL", nats),
        "bits_per_dimension": ("Negative ELBO", "bits per dimension"),
    }
    present = {f"{stage}/{term}": text for term, text in names.items() if f"{stage}/{term}" in scalars}
    return [(label, f"{with_deviation(scalars, key, 2)} {unit}") for key, (label, unit) in present.items()]


def assay_rows(assays: Iterable[AssayCallback], scalars: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return labels and texts of the assays that have logged scalars."""
    rows: list[tuple[str, str]] = []
    for assay in assays:
        prefix = f"{assay.prefix}/"
        found = {key.removeprefix(prefix): value for key, value in sorted(scalars.items()) if key.startswith(prefix)}
        if found:
            rows += assay.summary_rows(found)
    return rows
