"""Which runs of a study share a job."""

from collections.abc import Iterator

from lr_lightning.study.job import Run
from lr_lightning.study.manifest import Manifest


def jobs_of(manifest: Manifest) -> Iterator[tuple[Run, ...]]:
    """Yield the runs of each job, at most ``runs_per_job`` that can be trained together.

    Seeds of a cell share a job first, then cells of one group; some cells have none that can be trained together. Which
    runs share a job does not depend on what is done, so that runs which were trained together continue together. All
    cells come with their first seeds before others, so that a study is balanced before it is finished.
    """
    seeds, size = manifest.seeds, manifest.runs_per_job
    begun: dict[str, list[Run]] = {}
    for start in range(0, len(seeds), size):
        for cell in manifest.cells:
            if cell.alone:
                yield from ((Run(cell.identity, seed),) for seed in seeds[start : start + size])
                continue
            group = cell.group or cell.identity
            for seed in seeds[start : start + size]:
                runs = begun.setdefault(group, [])
                runs.append(Run(cell.identity, seed))
                if len(runs) == size:
                    yield tuple(begun.pop(group))
    yield from map(tuple, begun.values())


def cells_trained_alone(manifest: Manifest) -> str:
    """Return a sentence about cells whose runs are not packed although jobs train several; empty if there are none."""
    alone = [cell for cell in manifest.cells if cell.alone]
    settings = ", ".join(sorted({f"trainer.{cell.alone}" for cell in alone}))
    which = f"{len(alone):,} of {len(manifest.cells):,} cells: each run has a job of its own"
    return f"{which}, because these work on one run at a time: {settings}" if alone else ""
