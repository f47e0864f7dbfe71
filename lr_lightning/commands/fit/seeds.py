"""Which seeds a run trains."""

from pathlib import Path

from lr_lightning.commands.run.checkpoints import read_checkpoint
from lr_lightning.common.checks import check_at_least


def seeds_of_run(wanted: int | list[int] | None, first: int | bool) -> list[int] | None:
    """Return the seeds of an ensemble, ``None`` for a run of one model.

    Args:
        wanted: The seeds, or how many; one or ``None`` is a run of one model.
        first: The first of them where only their number is given, ``False`` if there is none.

    Raises:
        ValueError: If there is no seed, one is negative or there twice, or ``first`` is missing.
    """
    if wanted is None or wanted == 1:
        return None
    if isinstance(wanted, int):
        check_at_least("seeds", wanted, 1)
        if first is False:
            raise ValueError("seeds counts from seed_everything, which is false; set it, or list the seeds")
        return list(range(int(first), int(first) + wanted))
    if not wanted or min(wanted) < 0 or len(set(wanted)) < len(wanted):
        raise ValueError(f"seeds must be a number, or differing numbers of at least 0, got {wanted}")
    return list(wanted)


def seed_of_checkpoint(path: Path) -> int | None:
    """Return the seed of the single model that a checkpoint holds, ``None`` if it holds an ensemble.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read.
    """
    checkpoint = read_checkpoint(path)
    return None if "seeds" in checkpoint else checkpoint.get("noise_seed")
