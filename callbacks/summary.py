"""The readable summary of a run in the terminal."""

from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from rich.console import Console
from rich.table import Table

from lr_lightning.loggers import RunWandbLogger

_CONDITIONED = "assay/conditioned_response"
_STATISTICS = "assay/latent_statistics"


def print_summary(trainer: Trainer, pl_module: LightningModule, stage: str, record: dict[str, Any]) -> None:
    """Print what was reached, where the files are and how to sync the W&B run.

    Args:
        trainer: Trainer at the end of its run.
        pl_module: The model.
        stage: ``"fit"``, ``"validate"`` or ``"test"``.
        record: The entry of this run in ``results.json``.
    """
    scalars = record["scalars"]
    table = Table(title=f"{type(pl_module).__name__} after {record['step']:,} steps ({stage})", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, text in _rows(scalars, "test" if stage == "test" else "val"):
        table.add_row(name, text)
    share = record["assay_seconds"] / max(record["seconds"], 1e-9)
    table.add_row("Time", f"{record['seconds']:.0f} s, of which assays {record['assay_seconds']:.1f} s ({share:.1%})")
    console = Console()
    console.print()
    console.print(table)
    console.print(f"Files: {Path(trainer.default_root_dir).resolve()}", soft_wrap=True)
    for logger in trainer.loggers:
        if isinstance(logger, RunWandbLogger):
            if logger.folder is not None:
                console.print(f"W&B:   offline; upload with: wandb sync {logger.folder}", soft_wrap=True)
            elif getattr(logger.experiment, "url", None):
                console.print(f"W&B:   {logger.experiment.url}", soft_wrap=True)
    if stage == "fit":
        console.print(f"Next:  lr-lightning test {trainer.default_root_dir}", soft_wrap=True)


def _rows(scalars: dict[str, float], stage: str) -> list[tuple[str, str]]:
    """Return the lines of the summary for the scalars there are."""
    rows = []
    if f"{stage}/reconstruction" in scalars:
        rows.append(("Reconstruction", f"{scalars[f'{stage}/reconstruction']:.2f} nats per observation"))
    if f"{stage}/kl" in scalars:
        rows.append(("KL", f"{scalars[f'{stage}/kl']:.2f} nats"))
    per_latent = [value for key, value in sorted(scalars.items()) if key.startswith(f"{_STATISTICS}/kl_latent_")]
    if per_latent:
        rows.append(("KL per latent", "  ".join(f"{value:.2f}" for value in per_latent)))
    if f"{_STATISTICS}/active_units" in scalars:
        rows.append(
            ("Active units", f"{scalars[f'{_STATISTICS}/active_units']:.0f} (variance of the means above threshold)")
        )
    if "assay/response_matrix/active_latents" in scalars:
        count = scalars["assay/response_matrix/active_latents"]
        rows.append(("Active latents", f"{count:.0f} (respond to their own change by more than .5)"))
    if f"{_CONDITIONED}/cds" in scalars:
        low, high = scalars[f"{_CONDITIONED}/cds_low"], scalars[f"{_CONDITIONED}/cds_high"]
        chance = scalars[f"{_CONDITIONED}/cds_chance"]
        rows += [
            (
                "CDS",
                f"{scalars[f'{_CONDITIONED}/cds']:.3f}  [{low:.3f}, {high:.3f}] over traversals, chance {chance:.3f}",
            ),
            ("CDS_norm", f"{scalars[f'{_CONDITIONED}/cds_norm']:.3f}"),
            ("CCS", f"{scalars[f'{_CONDITIONED}/ccs']:.3f}"),
            ("Factors owned", f"{scalars[f'{_CONDITIONED}/owned_factors']:.0%}"),
        ]
    return rows
