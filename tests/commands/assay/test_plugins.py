"""Assays of other packages, by entry point and by import path, in a report and in training."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from typing_extensions import override

from lr_lightning.callbacks import ASSAYS, AssayCallback, AssayContext, AssayResult
from lr_lightning.callbacks.needs import images
from lr_lightning.commands.assay.assay_choice import choose_assays
from tests.commands.assay.reports import Page, run

PATH = f"{__name__}.RangeAssay"


class RangeAssay(AssayCallback):
    """The assay of another package: the largest range of a latent."""

    name = "code_range"
    summary = "The range of each latent over the data"
    captions = {"ranges": "The range of each latent."}
    headlines = {"largest": "Largest range"}
    size_argument = "num_codes"

    def __init__(self, num_codes: int = 50, every_n_validations: int = 1, seed: int = 0) -> None:
        super().__init__(every_n_validations, seed)
        self.num_codes = num_codes

    @override
    def run(self, context: AssayContext) -> AssayResult:
        codes = context.draw_codes(self.num_codes)
        return AssayResult({"largest": float((codes.amax(0) - codes.amin(0)).max())}, figures={"ranges": Figure})

    @override
    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterator[str]:
        yield f"The largest range of {latent_dim} latents is {scalars['largest']:.2f}."


class ImageAssay(RangeAssay):
    """An assay that points do not meet the needs of."""

    name = "needs_images"
    needs = (images,)


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two packages be installed, of which one cannot be imported."""
    entries = {"code_range": PATH.replace(".RangeAssay", ":RangeAssay"), "broken": "no_such_package:Assay"}
    plugins = {name: EntryPoint(name, value, ASSAYS.group) for name, value in entries.items()}
    monkeypatch.setitem(vars(ASSAYS), "plugins", plugins)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--assays=code_range"],
        [f"--assays={PATH}"],
        ["--assays=latent_statistics", "--assays.code_range=code_range"],
        ["--assays=latent_statistics", "--assays.code_range", PATH],
        ["--assays=latent_statistics", "--assays.code_range.class_path=code_range"],
    ],
)
def test_a_report_has_everything_about_it(
    helix: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run("assay", str(helix), "--out=report", *arguments) == 0
    page = Page(Path("report/index.html"))
    assert page.sections[-1] == "code_range"
    largest = json.loads(Path("report/results.json").read_text())["validate"]["scalars"]["assay/code_range/largest"]
    for text in (RangeAssay.summary, f"The largest range of 2 latents is {largest:.2f}."):
        assert text in page.text
    assert RangeAssay.captions["ranges"] in page.captions
    printed = capsys.readouterr().out
    assert "Largest range" in printed
    assert f"{largest:.3f}" in printed


def test_all_skips_broken_plugins() -> None:
    choice = choose_assays(["all"])
    assert list(choice.assays) == [*(name for name in ASSAYS.entries if ASSAYS[name].by_default), "code_range"]
    assert choice.unavailable.keys() == {"broken"}
    assert "no_such_package" in choice.unavailable["broken"]


def test_needs_are_checked_under_any_name(helix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = f"--assays.mine={PATH.replace('Range', 'Image')}"
    assert run("assay", str(helix), "--out=report", "--assays=latent_statistics", mine) == 0
    assert "mine was skipped: observations of shape (3,)" in capsys.readouterr().out


def test_list_has_plugins_and_broken_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("assay", "--list") == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert f"{RangeAssay.summary}  (50 codes)" in lines["code_range"]
    assert "no_such_package" in lines["broken"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("code_rang", "code_range"),
        ("broken", "no_such_package"),
        (f"{__name__}.RangeAsay", "RangeAssay"),
        ("no_such_package.Assay", "no_such_package"),
    ],
)
@pytest.mark.parametrize("option", ["--assays={}", "--assays.mine={}"])
def test_a_name_that_is_wrong_is_one_sentence(
    helix: Path, capsys: pytest.CaptureFixture[str], option: str, name: str, hint: str
) -> None:
    assert run("assay", str(helix), "--out=report", option.format(name)) == 2
    [error] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("lr-lightning")]
    assert name.rpartition(".")[2] in error
    assert hint in error


@pytest.mark.parametrize(
    "arguments",
    [
        lambda: ["--assays.mine=code_range"],
        lambda: [f"--assays.mine={PATH}"],
        lambda: ["--assays", "{mine: code_range}"],
        lambda: ["--config=mine.yaml"],
    ],
    ids=["entry point", "import path", "mapping", "config"],
)
def test_training_and_its_tests_take_it(helix: Path, arguments: Callable[[], list[str]]) -> None:
    Path("mine.yaml").write_text("assays: {mine: {class_path: code_range, init_args: {num_codes: 9}}}")
    shutil.copytree(helix, "copy")
    assert run("test", "copy", "--assays.disentanglement=null", *arguments()) == 0
    scalars = json.loads(Path("copy/results.json").read_text())["test"]["scalars"]
    assert scalars["assay/mine/largest"] > 0
