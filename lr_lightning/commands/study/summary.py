"""What a study prints at its end."""

from collections.abc import Iterator

from lr_lightning.common.files import quoted_path
from lr_lightning.study.driver import Progress
from lr_lightning.study.layout import STUDIES, StudyFolder
from lr_lightning.study.status import failure_groups


def summary_lines(progress: Progress, folder: StudyFolder) -> Iterator[str]:
    """Yield what has become of the runs of a study: how many are done, and the failures by their cause."""
    now = len(progress.done) - progress.done_before
    line = f"{folder.name}: {len(progress.done):,} of {progress.total:,} runs are done"
    yield f"{line}, {now:,} of them now" if now and progress.done_before else line
    for group in failure_groups(folder.root, progress.failures.items()):
        place = "in" if group.count == 1 else "such as in"
        yield f"  {group.count:,} {group.state}: {group.sentence} ({place} {quoted_path(group.folder)})"
    if progress.failures:
        every = "" if any(failure.state == "failed" for failure in progress.failures.values()) else " --all"
        root = "" if folder.root == STUDIES else f" --root {quoted_path(folder.root)}"
        yield f"to try again: lr-lightning study retry {folder.name}{every}{root}; logs: {quoted_path(folder.logs)}"
