"""What a study prints at its end."""

from collections.abc import Iterator

from lr_lightning.common.files import quoted_path
from lr_lightning.study.driver import Progress
from lr_lightning.study.layout import StudyFolder
from lr_lightning.study.next_step import after_the_end, study_command
from lr_lightning.study.status import failure_groups


def summary_lines(progress: Progress, folder: StudyFolder) -> Iterator[str]:
    """Yield how many runs of a study are done, the failures by their cause, and what to do next."""
    now = len(progress.done) - progress.done_before
    line = f"{folder.name}: {len(progress.done):,} of {progress.total:,} runs are done"
    yield f"{line}, {now:,} of them now" if now and progress.done_before else line
    for group in failure_groups(folder.root, progress.failures.items()):
        place = "in" if group.count == 1 else "such as in"
        yield f"  {group.count:,} {group.state}: {group.sentence} ({place} {quoted_path(group.folder)})"
    if progress.failures:
        how = "retry" if any(failure.state == "failed" for failure in progress.failures.values()) else "retry --all"
        again = study_command(how, folder.name, folder.root)
        yield f"to try again: {again}; logs: {quoted_path(folder.logs)}"
    elif len(progress.done) == progress.total:
        yield after_the_end(folder.name, folder.root)
