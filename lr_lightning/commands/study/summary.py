"""What a study prints at its end."""

import re
from collections.abc import Iterator

from lr_lightning.common.files import quoted_path
from lr_lightning.study.driver import Progress, Run
from lr_lightning.study.layout import STUDIES, StudyFolder, run_folder
from lr_lightning.study.manifest import Manifest

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def summary_lines(progress: Progress, manifest: Manifest, folder: StudyFolder) -> Iterator[str]:
    """Yield what has become of the runs of a study: how many are done, and the failures, by their cause."""
    now = len(progress.done) - progress.done_before
    line = f"{manifest.name}: {len(progress.done):,} of {progress.total:,} runs are done"
    yield f"{line}, {now:,} of them now" if now and progress.done_before else line
    labels = {cell.identity: cell.label for cell in manifest.cells}
    for state in ("failed", "diverged"):
        for sentence, runs in _causes(progress, state, folder):
            first = f"{labels[runs[0].cell]} seed {runs[0].seed}"
            which = first if len(runs) == 1 else f"{len(runs):,} runs, first {first}"
            yield f"  {state}: {which}: {sentence}"
    if progress.failures:
        only_diverged = all(failure.state == "diverged" for failure in progress.failures.values())
        root = "" if folder.root == STUDIES else f" --root {quoted_path(folder.root)}"
        every = " --all" if only_diverged else ""
        yield f"try them again with: lr-lightning study retry {manifest.name}{every}{root}; {folder.logs} has the logs"


def _causes(progress: Progress, state: str, folder: StudyFolder) -> list[tuple[str, list[Run]]]:
    """Return the sentences of failures that differ by more than numbers and the folder, with their runs."""
    causes: dict[str, tuple[str, list[Run]]] = {}
    for run, failure in sorted(progress.failures.items()):
        if failure.state == state:
            own = str(run_folder(folder.root.absolute(), run.cell, run.seed))
            key = _NUMBER.sub("0", failure.sentence.replace(own, ""))
            causes.setdefault(key, (failure.sentence, []))[1].append(run)
    return sorted(causes.values(), key=lambda cause: -len(cause[1]))
