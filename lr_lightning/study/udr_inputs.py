"""Encodes the same inputs with each seed of a cell, so that they can be compared."""

from lr_lightning.runs import Run
from lr_lightning.runs.codes import write_codes
from lr_lightning.study.layout import codes_path
from lr_lightning.study.manifest import Evaluation

INPUTS_SEED = 190512614
"""Seed of the inputs of all runs: any number that nobody has as the seed of a split."""


def write_codes_of_inputs(run: Run, evaluation: Evaluation, num_inputs: int) -> None:
    """Encode the inputs that all seeds of a cell share, and write the codes beside the scores of the run.

    Args:
        run: The run.
        evaluation: What is evaluated.
        num_inputs: Number of inputs.

    Raises:
        ValueError: If codes are not finite.
    """
    found = run.encode(num_inputs, evaluation.checkpoint, seed=INPUTS_SEED)
    broken = int((~found.codes.isfinite()).any(dim=1).sum())
    if broken:
        raise ValueError(f"codes of {broken} of {len(found.codes)} inputs are not finite, so that UDR is undefined")
    write_codes(codes_path(run.folder, evaluation.digest), found)
