"""Reasons to distrust the scores of a run, collected from its assays."""

from collections.abc import Iterable

from lr_lightning.assays import latent_statistics, score_warnings
from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.code_table import CodeTable


def cautions_of(assays: Iterable[AssayCallback]) -> list[str]:
    """Return the cautions of assays without duplicates, and which assays were skipped and why."""
    sentences: list[str] = []
    for assay in assays:
        sentences += assay.cautions
        if assay.failure is not None:
            sentences.append(f"The assay {assay.name} was skipped: {assay.failure.rstrip('.')}.")
    return list(dict.fromkeys(sentences))


def code_cautions(table: CodeTable) -> tuple[str, ...]:
    """Return reasons to distrust all scores of these codes; empty for deterministic models."""
    if table.log_variances is None or not table.is_finite:
        return ()
    return score_warnings(statistics=latent_statistics(table.codes, table.log_variances))
