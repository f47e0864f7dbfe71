"""Names that are checked before anything heavy is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from lr_lightning.commands.early_check import check_names
from lr_lightning.commands.messages import UsageError


@pytest.mark.parametrize(
    "words",
    [
        ["fit", "--config", "quickstrt"],
        ["fit", "--config=quickstrt", "--trainer.max_steps=3"],
        ["fit", "-c", "quickstrt"],
        ["fit", "--config=quickstart", "--config", "quickstrt"],
        ["test", "--ckpt_path=x", "--config", "quickstrt"],
    ],
)
def test_a_config_must_be_a_file_or_packaged(words: list[str]) -> None:
    with pytest.raises(UsageError, match=r"'quickstrt'.*did you mean .*quickstart"):
        check_names(words)


def test_a_run_must_exist() -> None:
    Path("runs/quickstart").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"runs/quickstat .*did you mean runs/quickstart\?"):
        check_names(["assay", "runs/quickstat", "--out", "report"])
    with pytest.raises(FileNotFoundError, match="elsewhere/x is not a run folder"):
        check_names(["test", "elsewhere/x"])
    check_names(["assay", "runs/quickstart"])


@pytest.mark.parametrize(
    "words",
    [
        ["fit"],
        ["fit", "--config"],
        ["fit", "--config", "{model: BetaVAE}"],  # the text of a config
        ["fit", "--config=trainer: {max_steps: 3}"],
        ["fit", "--config", "null"],
        ["fit", "--config=5"],
        ["fit", "--config", "missing", "--help"],
        ["fit", "--config", "missing", "--model.help", "BetaVAE"],
        ["fit", "--config", "helix", "--assays.config=missing"],
        ["assay", "demo"],  # the name of a model
        ["assay", "missing"],  # perhaps likewise
        ["assay", "--list"],
    ],
)
def test_whatever_else_is_left_to_the_parser(words: list[str]) -> None:
    check_names(words)


@pytest.mark.parametrize(
    ("arguments", "code"), [(["fit", "--config=nowhere"], 2), (["assay", "runs/nowhere", "--out=x"], 1)]
)
def test_the_command_line_ends_before_it_imports_torch(arguments: list[str], code: int) -> None:
    script = (
        "import sys\nfrom lr_lightning.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as end:\n"
        "    sys.exit(end.code if 'torch' not in sys.modules else 9)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code
    assert "nowhere" in done.stderr
    assert len(done.stderr.splitlines()) == 1
