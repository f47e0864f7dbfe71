"""The readable summary of a run in the terminal."""

from typing import Any

from pytorch_lightning import LightningModule, Trainer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lr_lightning.callbacks.assay import assays_of
from lr_lightning.callbacks.assays.conditioned_response import ConditionedResponseAssay
from lr_lightning.callbacks.assays.disentanglement import DisentanglementAssay
from lr_lightning.callbacks.assays.latent_statistics import LatentStatisticsAssay
from lr_lightning.callbacks.assays.response_matrix import ResponseMatrixAssay
from lr_lightning.callbacks.ensemble_assay import Ensemble, EnsembleAssay
from lr_lightning.callbacks.run.next_steps import next_steps
from lr_lightning.metrics.score_report import score_report

_OF_SEEDS = {
    "active_units": "Active units",
    "active_latents": "Active latents",
    "cds": "CDS",
    "cds_norm": "CDS_norm",
    "ccs": "CCS",
}
"""What is shown of several seeds; what is said of each latent has no mean over seeds, whose latents differ."""


def print_summary(trainer: Trainer, pl_module: LightningModule, stage: str, record: dict[str, Any]) -> None:
    """Print what was reached, reasons not to trust it, where the files are and how to sync the W&B run.

    Args:
        trainer: Trainer at the end of its run.
        pl_module: The model.
        stage: ``"fit"``, ``"validate"`` or ``"test"``.
        record: The entry of this run in ``results.json``.
    """
    scalars = record["scalars"]
    name = type(pl_module).__name__
    if isinstance(pl_module, Ensemble):
        name = f"{type(pl_module.members[0]).__name__}, {len(pl_module.seeds)} seeds (mean ± sd),"
    table = Table(title=f"{name} after {record['step']:,} steps ({stage})", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, text in [*_loss_rows(scalars, "test" if stage == "test" else "val"), *_assay_rows(trainer, scalars)]:
        table.add_row(name, text)
    evaluated, available = record["num_evaluated"], record["num_available"]
    if evaluated is not None and evaluated < available:
        limit = "limit_test_batches" if stage == "test" else "limit_val_batches"
        table.add_row("Evaluated on", f"{evaluated:,} of {available:,} observations, drawn at random (trainer.{limit})")
    share = record["assay_seconds"] / max(record["seconds"], 1e-9)
    table.add_row("Time", f"{record['seconds']:.0f} s, of which assays {record['assay_seconds']:.1f} s ({share:.1%})")
    console = Console()
    console.print()
    for assay in assays_of(trainer):
        if isinstance(assay, DisentanglementAssay) and assay.print_table and assay.table is not None:
            console.print(score_report(assay.table.rows, "Disentanglement"))
    console.print(table)
    for sentence in record["cautions"]:
        console.print(Padding(Text(f"! {sentence}", style="yellow"), (0, 0, 0, 1)))
    for line in next_steps(trainer, stage):
        print(line)  # as it is: paths may hold what looks like markup


def _loss_rows(scalars: dict[str, float], stage: str) -> list[tuple[str, str]]:
    """Return the lines on the terms of the loss."""
    names = {"reconstruction": "Reconstruction", "kl": "KL"}
    present = {label: f"{stage}/{term}" for term, label in names.items() if f"{stage}/{term}" in scalars}
    return [(label, f"{_with_deviation(scalars, key, 2)} nats per observation") for label, key in present.items()]


def _with_deviation(scalars: dict[str, float], key: str, digits: int) -> str:
    """Return a scalar as text, with its standard deviation over seeds if there is one."""
    deviation = scalars.get(f"{key}_sd")
    return _decimal(scalars[key], digits) + ("" if deviation is None else f" ± {_decimal(deviation, digits)}")


def _decimal(value: float, digits: int) -> str:
    """Return a number with ``digits`` decimals, that of a model that has diverged with an exponent."""
    return f"{value:.{digits}f}" if abs(value) < 1e6 else f"{value:.3g}"


def _assay_rows(trainer: Trainer, scalars: dict[str, float]) -> list[tuple[str, str]]:
    """Return the lines on what the assays found."""
    rows: list[tuple[str, str]] = []
    for assay in assays_of(trainer):
        if isinstance(assay, DisentanglementAssay):
            rows += _score_rows(assay)
            continue
        prefix = f"assay/{assay.name}/"
        found = {key.removeprefix(prefix): value for key, value in sorted(scalars.items()) if key.startswith(prefix)}
        if not found:
            continue  # no validation yet
        match assay:
            case EnsembleAssay():
                shown = [key for key in _OF_SEEDS if key in found]
                rows += [(_OF_SEEDS[key], _with_deviation(found, key, 3)) for key in shown]
            case LatentStatisticsAssay():
                per_latent = [value for key, value in found.items() if key.startswith("kl_latent_")]
                if per_latent:
                    rows.append(("KL per latent", "  ".join(_decimal(value, 2) for value in per_latent)))
                rows.append(("Active units", f"{found['active_units']:.0f}, by the variance of their means"))
            case ResponseMatrixAssay():
                count = found["active_latents"]
                rows.append(("Active latents", f"{count:.0f}, by the response to their own change"))
            case ConditionedResponseAssay():
                interval = f"[{found['cds_low']:.3f}, {found['cds_high']:.3f}] over traversals"
                rows.append(("CDS", f"{found['cds']:.3f}, {interval}, chance {found['cds_chance']:.3f}"))
                rows.append(("CDS_norm", f"{found['cds_norm']:.3f}"))
                rows.append(("CCS", f"{found['ccs']:.3f}"))
                rows.append(("Factors owned", f"{found['owned_factors']:.0%}"))
    return rows


_SCORES = {
    "mig": "MIG",
    "dci_lightgbm_disentanglement": "DCI disentanglement",
    "dci_lightgbm_completeness": "DCI completeness",
    "dci_lightgbm_informativeness_test": "DCI informativeness",
    "infomec_modularity": "InfoM",
    "infomec_compactness": "InfoC",
    "infomec_explicitness": "InfoE",
}
"""Scores of the table that the summary shows."""


def _score_rows(assay: DisentanglementAssay) -> list[tuple[str, str]]:
    """Return the lines on the best known scores and where all of them are."""
    if assay.table is None:
        return []
    by_name = {row.name: row for row in assay.table.rows}
    rows = []
    for name, label in _SCORES.items():
        if (row := by_name.get(name)) is None:
            continue
        levels = (("chance", row.chance), ("ceiling", row.ceiling))
        parts = [f"{row.value:.3f}", *(f"{level} {value:.3f}" for level, value in levels if value is not None)]
        rows.append((label, ", ".join(parts)))
    place = "" if assay.table_path is None else f" in {assay.table_path.parent.name}/{assay.table_path.name}"
    return [*rows, ("All scores", f"{len(by_name)}{place}")]
