"""The lock of writers: one at a time, in a folder that is made, with a sentence where that cannot be."""

from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from lr_lightning.data.storage.write_lock import write_lock


def test_makes_the_folder_and_keeps_others_out_until_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "rows"
    with write_lock(path, "") as lock:
        assert lock == path.with_name(".rows.lock")
        with pytest.raises(Timeout):
            FileLock(lock).acquire(timeout=0)
    with FileLock(lock).acquire(timeout=0):
        pass


def test_an_error_inside_gives_the_lock_back_and_is_not_changed(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"^of the writer$"), write_lock(tmp_path / "rows", "remedy"):
        raise OSError("of the writer")
    with FileLock(tmp_path / ".rows.lock").acquire(timeout=0):
        pass


def test_tells_of_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(OSError, match=r"rows cannot be written \(.*\); choose another folder"),
        write_lock(tmp_path / "file" / "rows", "choose another folder"),
    ):
        pass
