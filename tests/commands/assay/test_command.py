"""``lr-lightning assay`` end to end, on short runs."""

import base64
import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lr_lightning.callbacks import (
    ConsistencyAssay,
    DynamicsAssay,
    LatentStatisticsAssay,
    NoiseRecoveryAssay,
    ResponseMatrixAssay,
)
from lr_lightning.callbacks.registry import ASSAYS
from lr_lightning.commands import page as report
from lr_lightning.models import BetaVAE
from tests.arrays import read_arrays
from tests.commands.assay.reports import Page, run

FEW = ["--num_samples=12", "--assays.sampling.num_samples=4", "--assays.response_map.num_steps=5"]
FEW_FACTORS = ["--assays.conditioned_response.num_traversals=2", "--assays.conditioned_response.num_samples=2"]
FEW_FACTORS += ["--assays.factor_topology.num_traversals=2", "--assays.disentanglement.metrics=[mig]"]
BY_DEFAULT = [name for name in ASSAYS if ASSAYS[name].by_default]
TWO = "--assays=latent_statistics,response_matrix"

pytestmark = [
    pytest.mark.filterwarnings("ignore:independence is undefined"),  # models of a few steps
    pytest.mark.filterwarnings("ignore:score undefined"),
]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pictures(page: Page) -> list[Image.Image]:
    """Return the pictures of ``page``, each of them decoded."""
    found: list[Image.Image] = []
    for source in page.sources:
        kind, _, data = source.partition(",")
        assert kind == "data:image/png;base64"
        picture = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
        picture.load()
        found.append(picture)
    return found


def test_report_on_points_leaves_the_run_alone(helix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(helix)
    assert run("assay", str(helix), "--out=report", *FEW) == 0
    assert files(helix) == before
    skipped = {"latent_traversal", "conditioned_response", "disentanglement", "factor_topology"}
    page = Page(Path("report/index.html"))
    assert page.sections == [name for name in BY_DEFAULT if name not in skipped]
    captured = capsys.readouterr()
    for name in skipped:
        assert f"note: {name} was skipped: " in captured.out
        assert f"{name} was skipped: " in page.text
    assert "64 observations of the validation set of double_helix (1,152 in all)" in page.text
    number = len(page.sections)
    assert f"assay 1 of {number}: reconstruction" in captured.err
    assert f"assay {number} of {number}: consistency" in captured.err
    assert f"Report: {Path('report/index.html').resolve()}" in captured.out
    assert not list(Path("report").glob("wandb*"))
    results = json.loads(Path("report/results.json").read_text())["validate"]
    assert results["step"] == 4
    assert results["scalars"]["assay/response_map/void_mass"] is not None


def test_report_on_images_is_complete(bars_run: Path) -> None:
    assert run("assay", str(bars_run), "--out=report", "--split=test", *FEW, *FEW_FACTORS) == 0
    page = Page(Path("report/index.html"))
    assert page.sections == BY_DEFAULT
    assert all(link.startswith("#") for link in page.links)
    drawn = pictures(page)
    on_disk = list(Path("report/figures").glob("*.png"))
    assert len(drawn) == len(on_disk) == len(page.captions) > 20
    assert {base64.b64decode(source.partition(",")[2]) for source in page.sources} == {
        path.read_bytes() for path in on_disk
    }
    assert all(len(caption) > 30 for caption in page.captions)  # sentences, not names
    assert "48 observations of the test set of bars (48 in all)" in page.text
    arrays = {path.stem: read_arrays(path) for path in Path("report/assays").glob("*.npz")}
    assert arrays["response_matrix-test"]["matrix"].shape == (3, 3)
    maps = [array for name, array in arrays["response_map-test"].items() if name.endswith("_values")]
    assert [values.shape for values in maps] == [(2, 5), (2, 5)]
    scalars = json.loads(Path("report/results.json").read_text())["test"]["scalars"]
    prefix = "assay/consistency/"
    found = {key.removeprefix(prefix): value for key, value in scalars.items() if key.startswith(prefix)}
    assert all(sentence in page.text for sentence in ConsistencyAssay().interpretations(found, 3))


def test_the_data_are_encoded_once_for_all_assays(helix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    step = BetaVAE.validation_step

    def counted(self: BetaVAE, batch: Any, batch_idx: int) -> Any:
        calls.append(len(batch[0]))
        return step(self, batch, batch_idx)

    monkeypatch.setattr(BetaVAE, "validation_step", counted)
    assert run("assay", str(helix), "--out=report", TWO, "--data.eval_batch_size=40", *FEW[:1]) == 0
    assert calls == [40, 24]


def test_results_depend_on_the_seed_alone(helix: Path) -> None:
    found = []
    for number, seed in enumerate((0, 0, 1)):
        out = f"report{number}"
        assert (
            run("assay", str(helix / "checkpoints" / "last.ckpt"), f"--out={out}", TWO, f"--seed={seed}", FEW[0]) == 0
        )
        found.append(read_arrays(f"{out}/assays/response_matrix-validate.npz"))
    first, second, other = found
    assert all(np.array_equal(first[key], second[key]) for key in first)
    assert not np.array_equal(first["base"], other["base"])
    assert len(first["base"]) == 12  # --num_samples


def test_assays_can_be_changed_dropped_and_added(helix: Path) -> None:
    changes = [
        "--assays.response_matrix=null",
        "--assays.mine=LatentStatisticsAssay",
        "--assays.mine.active_threshold=1",
    ]
    assert run("assay", str(helix), "--out=report", TWO, *changes) == 0
    page = Page(Path("report/index.html"))
    assert page.sections == ["latent_statistics", "mine"]
    assert Path("report/figures/mine-latents-validate.png").is_file()


def test_texts_are_those_of_the_class(helix: Path) -> None:
    changes = ["--assays=response_matrix", "--assays.response_matrix=LatentStatisticsAssay"]
    assert run("assay", str(helix), "--out=report", *changes) == 0
    page = Page(Path("report/index.html"))
    assert LatentStatisticsAssay.summary in page.text
    assert "At a glance" in page.text
    assert page.captions == [LatentStatisticsAssay.captions["latents"]]


def test_warnings_stand_on_top_and_in_the_terminal(helix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("assay", str(helix), "--out=report", TWO, *FEW[:1]) == 0
    sentence = "The response matrix comes from 12 base codes, fewer than 30."
    text = Page(Path("report/index.html")).text
    assert f"warning: {sentence}" in capsys.readouterr().out
    assert text.index("Warnings") < text.index(sentence) < text.index("At a glance")


def test_assays_without_a_number_of_codes_are_noted(bars_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also what is set instead for scores, whose rows it does not reduce."""
    assays = "--assays=latent_statistics,response_matrix,disentanglement"
    options = [assays, "--assays.disentanglement.metrics=[mig,modularity]"]
    assert run("assay", str(bars_run), "--out=report", *options, *FEW[:1]) == 0
    printed = capsys.readouterr().out
    [note] = [line for line in printed.splitlines() if "--num_samples 12" in line]
    assert "latent_statistics, disentanglement" in note
    assert "response_matrix" not in note
    assert "--assays.disentanglement.num_train" in note
    assert "modularity" in printed  # of the summary, because it was asked for


def test_what_is_undefined_is_a_note(
    helix: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = ResponseMatrixAssay.run

    def warning_run(self: ResponseMatrixAssay, context: Any) -> Any:
        for _ in range(2):
            warnings.warn_explicit("nothing is known", UserWarning, report.__file__, 1)
        return original(self, context)

    monkeypatch.setattr(ResponseMatrixAssay, "run", warning_run)
    assert run("assay", str(helix), "--out=report", TWO) == 0
    assert capsys.readouterr().out.count("note: nothing is known") == 1
    assert Page(Path("report/index.html")).text.count("nothing is known") == 1


def test_overwriting_needs_the_option(helix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("assay", str(helix), "--out=report", TWO) == 0
    Path("report/notes.txt").write_text("mine")
    Path("report/figures/mine.png").write_bytes(b"mine")
    before = files(Path("report"))
    assert run("assay", str(helix), "--out=report", "--assays=latent_statistics") == 1
    assert "report is not empty; add --overwrite" in capsys.readouterr().err
    assert files(Path("report")) == before
    assert run("assay", str(helix), "--out=report", "--assays=latent_statistics", "--split=test", "--overwrite") == 0
    after = files(Path("report"))
    assert after["notes.txt"] == after["figures/mine.png"] == b"mine"
    assert not [name for name in after if "validate" in name or "response_matrix" in name]
    assert json.loads(after["results.json"]).keys() == {"test"}


def test_a_run_folder_never_becomes_a_report(helix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(helix)
    assert run("assay", str(helix), f"--out={helix}", "--overwrite") == 1
    assert "is a run folder; choose another with --out" in capsys.readouterr().err
    assert files(helix) == before


def _interrupt(*_: Any) -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "place_of_interrupt",
    [
        lambda patch: patch.setattr(DynamicsAssay, "run", _interrupt),
        lambda patch: patch.setattr(report, "render", _interrupt),
    ],
    ids=["in an assay", "writing the page"],
)
def test_an_interrupted_report_has_no_page(
    helix: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place_of_interrupt: Callable[[pytest.MonkeyPatch], None],
) -> None:
    options = ["--out=report", "--assays=latent_statistics,dynamics", *FEW[:1], "--overwrite"]
    assert run("assay", str(helix), *options) == 0
    place_of_interrupt(monkeypatch)
    assert run("assay", str(helix), *options) == 130
    assert "lr-lightning assay: interrupted; report/index.html was not written" in capsys.readouterr().err
    assert not Path("report/index.html").exists()  # nor that of the earlier report
    assert not list(Path("report").rglob(".*"))


def test_an_assay_that_fails_is_named(
    helix: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for error, code in ((ValueError("too few"), 1), (KeyError("lost"), 1)):

        def failing(self: NoiseRecoveryAssay, context: Any, error: Exception = error) -> Any:
            raise error

        monkeypatch.setattr(NoiseRecoveryAssay, "run", failing)
        assert (
            run("assay", str(helix), "--out=report", "--assays=latent_statistics,noise_recovery", "--overwrite") == code
        )
        assert f"the assay noise_recovery failed: {error}" in capsys.readouterr().err
        assert not Path("report/index.html").exists()


def test_the_model_brings_no_assays_of_its_own(bars_run: Path) -> None:
    carried = "--model.assays=[{class_path: LatentStatisticsAssay}]"
    assert run("assay", str(bars_run), "--out=report", TWO, carried, *FEW[:1]) == 0
    assert Page(Path("report/index.html")).sections == ["latent_statistics", "response_matrix"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "RUN"),
        (["--out=report"], 2, "RUN"),
        (["RUN"], 2, "--out FOLDER"),
        (
            ["RUN", "--out=report", "--assays=response_mtrix"],
            2,
            "'response_mtrix'; did you mean response_matrix?",
        ),
        (["RUN", "--out=report", "--assays="], 2, "--assays is empty"),
        (
            ["RUN", "--out=report", "--assays=latent_traversal"],
            2,
            "latent_traversal was skipped",
        ),
        (["RUN", "--out=report", "--num_samples=1"], 2, "num_samples must be at least 2, got 1"),
        (
            ["RUN", "--out=report", "--num_samples=7", "--assays=latent_statistics,disentanglement"],
            2,
            "--num_samples 7 does not concern latent_statistics, disentanglement",
        ),
        (["runs/nowhere", "--out=report"], 1, "runs/nowhere is not a run folder"),
        (["RUN", "--out=report", "--data.val_sise=3"], 2, "has no argument 'val_sise'; did you mean val_size?"),
        (["RUN", "--out=report", "--assays.dynamics.num_step=3"], 2, "has no argument 'num_step'"),
        (["RUN", "--out=report", "--split=train"], 2, "invalid choice: 'train'"),
        (["RUN", "--out=report", "--model.network.latent_dim=3"], 2, "was saved from another model"),
        (["nowhere", "--out=report"], 1, "nowhere is not a run folder, an exported model or a checkpoint in one"),
        (["RUN", "--out=file/report"], 1, "cannot write to the folder file/report (Not a directory)"),
    ],
)
def test_wrong_use_is_one_sentence(
    helix: Path, arguments: list[str], code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").touch()
    assert run("assay", *[str(helix) if word == "RUN" else word for word in arguments]) == code
    captured = capsys.readouterr()
    error = [line for line in captured.err.splitlines() if line.startswith("lr-lightning")]
    assert len(error) == 1
    assert sentence in error[0]
    assert "Traceback" not in captured.err
    assert not Path("report").exists()


def test_list_tells_names_and_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("assay", "--list") == 0
    printed = capsys.readouterr().out
    assert all(f"{name} " in printed and ASSAYS[name].summary in printed for name in ASSAYS)
    assert f"{ASSAYS['response_matrix'].summary}  (256 codes)" in printed
    assert f"{ASSAYS['explorer'].summary}  (only if named)" in printed
