"""Records of failures, also damaged ones."""

from pathlib import Path

import pytest

from lr_lightning.study.failure import Failure, read_failure, write_failure
from lr_lightning.study.layout import failure_path


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_failure(tmp_path) is None
    assert read_failure(tmp_path / "absent") is None
    failure = Failure("diverged", "the loss is NaN at step 7", 2, 1.5, "node7", "0.1")
    write_failure(tmp_path, failure)
    assert read_failure(tmp_path) == failure


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 1}', '{"format": 1, "state": "lost", "sentence": "s"}', '{"format": 2}']
)
def test_a_record_that_cannot_be_read_is_a_failure(tmp_path: Path, text: str) -> None:
    failure_path(tmp_path).write_text(text)
    failure = read_failure(tmp_path)
    assert failure is not None
    assert failure.state == "failed"
    assert str(failure_path(tmp_path)) in failure.sentence
