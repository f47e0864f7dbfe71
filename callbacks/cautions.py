"""Reasons to distrust the scores of a run, collected from its assays."""

from pytorch_lightning import Trainer

from lr_lightning.assays import latent_statistics, score_warnings
from lr_lightning.callbacks.assay import assays_of
from lr_lightning.callbacks.code_table import CodeTable


def cautions_of(trainer: Trainer) -> list[str]:
    """Return the cautions of the assays without duplicates, and which assays were skipped and why."""
    sentences: list[str] = []
    for assay in assays_of(trainer):
        sentences += assay.cautions
        if assay.failure is not None:
            sentences.append(f"The assay {assay.name} was skipped: {assay.failure.rstrip('.')}.")
    return list(dict.fromkeys(sentences))


def code_cautions(table: CodeTable) -> tuple[str, ...]:
    """Return reasons to distrust all scores of these codes; empty for deterministic models."""
    if table.log_variances is None or not table.is_finite:
        return ()
    return score_warnings(statistics=latent_statistics(table.codes, table.log_variances))
