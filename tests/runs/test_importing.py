"""``lr_lightning.import_model``."""

from pathlib import Path

import pytest
import torch

import lr_lightning as lr
from lr_lightning.runs import import_model
from tests.importers.foreign_files import random_weights, released_shapes
from tests.runs.process_state import changes, process_state


def test_a_model_of_another_project_becomes_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(random_weights(released_shapes()), "model_a.pt")
    before = process_state()  # after the imports, which set variables and loggers
    run = import_model("leeb2022", "model_a.pt", "run")
    assert changes(before) == []
    assert capsys.readouterr().out == ""
    assert run.folder == Path("run").absolute()
    assert run.seed == 0
    assert lr.import_model is import_model
    with pytest.raises(ValueError, match=r"'leb2022'.*leeb2022"):
        import_model("leb2022", "model_a.pt", "other")
