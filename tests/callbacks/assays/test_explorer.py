"""The explorer as an assay of a run."""

import json
from pathlib import Path

import pytest

import lr_lightning as lr
from lr_lightning.callbacks import DisentanglementAssay, ExplorerExport
from lr_lightning.callbacks.assays import explorer
from lr_lightning.onnx import packages
from lr_lightning.testing import AssayTester
from lr_lightning.testing.bars import Bars
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer
from tests.commands.assay.reports import Page, run
from tests.explorer.test_static_page import embedded
from tests.extras import needs
from tests.runs.tiny import TINY

pytestmark = [
    needs("onnx", "onnxruntime", "onnxscript"),
    pytest.mark.filterwarnings("ignore:independence is undefined"),
]


class TestExplorerExport(AssayTester):
    """It passes the tests of all assays; here, it runs at each validation, also while training goes on."""

    assay = ExplorerExport
    arguments = {"num_samples": 8, "every_n_validations": 1}
    invalid_arguments = ({"num_samples": 1},)
    reports_progress = True


def test_it_writes_a_page_at_the_end_of_training(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, DisentanglementAssay(metrics=["mig"], final_metrics=[]), ExplorerExport(8))
    trainer.fit(tiny_model(), datamodule=tiny_data(Bars()))
    [page] = (tmp_path / "pages").iterdir()
    assert page.name == "explorer-page-step000012.html"
    data = embedded(page.read_text())
    assert data["title"] == "BetaVAE on bars"
    assert data["subtitle"] == "MLP, 3 latents, 12 steps"
    assert "mig" in {score["name"] for score in data["scores"]}
    assert len(data["response_matrix"]["values"]) == 3
    assert data["traversals"]


def test_missing_packages_end_a_run_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "PACKAGES", ("no_such_package",))
    trainer = tiny_trainer(tmp_path, ExplorerExport())
    with pytest.raises(ModuleNotFoundError, match=r"no_such_package.*lr-lightning\[explore\].*--assays.explorer null"):
        trainer.fit(tiny_model(), datamodule=tiny_data(Bars()))
    assert "no_such_package" in str(explorer.packages_of_explorer(None))  # type: ignore[arg-type]


def test_only_the_first_process_computes_it() -> None:
    tester = TestExplorerExport()
    context = tester.context(tester.make())
    context.trainer = type("OtherRank", (), {"is_global_zero": False})()
    assert tester.make().run(context).pages == {}


def test_the_page_is_part_of_the_wandb_run(tmp_path: Path) -> None:
    values = TINY | {"trainer.logger": True, "wandb.mode": "offline"}
    values |= {"assays.explorer": {"class_path": "ExplorerExport", "init_args": {"num_samples": 8}}}
    found = lr.fit("helix", values, folder=tmp_path / "run", quiet=True)
    [page] = (found.folder / "pages").iterdir()
    [media] = [json.loads(line) for line in (found.folder / "wandb_media.jsonl").read_text().splitlines()]
    assert media["page"] == f"pages/{page.name}"
    assert media["key"] == "assay/explorer/page"
    [stored] = found.folder.glob("wandb/offline-run-*/files/media/html/assay/explorer/*.html")
    assert stored.read_bytes() == page.read_bytes()


def test_each_seed_has_a_page(tmp_path: Path) -> None:
    values = TINY | {"seeds": [3, 5]}
    values |= {"assays.explorer": {"class_path": "explorer", "init_args": {"num_samples": 8}}}
    found = lr.fit("helix", values, folder=tmp_path / "run", quiet=True)
    pages = {page.name: embedded(page.read_text()) for page in (found.folder / "pages").iterdir()}
    assert set(pages) == {f"seed_{seed}-explorer-page-step000008.html" for seed in (3, 5)}
    first, second = pages.values()
    assert first["title"] == second["title"] == "BetaVAE on double_helix"
    assert first["engine"]["model"] != second["engine"]["model"]


def test_a_report_has_a_link_to_it(tmp_path: Path) -> None:
    folder = lr.fit("helix", TINY, folder=tmp_path / "run", quiet=True).folder
    chosen = "--assays=latent_statistics,explorer"
    assert run("assay", str(folder), "--out=report", chosen, "--assays.explorer.num_samples=8") == 0
    page = Page(Path("report/index.html"))
    [link] = [link for link in page.links if not link.startswith("#")]
    assert link == "pages/explorer-page-validate.html"
    assert embedded((Path("report") / link).read_text())["title"] == "BetaVAE on double_helix"
    assert page.sections == ["latent_statistics", "explorer"]
    assert "lr-lightning explore" in page.text
    assert run("assay", str(folder), "--out=report", "--assays=latent_statistics", "--overwrite") == 0
    assert not list(Path("report/pages").iterdir())
