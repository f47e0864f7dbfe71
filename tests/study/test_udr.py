"""UDR of the runs of a cell: their codes, its file, and when it is up to date."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from torch.distributions import Normal

import lr_lightning as lr
from lr_lightning.data import FactorDataModule
from lr_lightning.losses.kl import gaussian_kl
from lr_lightning.metrics.functional import unsupervised_disentanglement_ranking
from lr_lightning.models import AutoencoderModule
from lr_lightning.runs.codes import RunCodes, read_codes, write_codes
from lr_lightning.study import read_table
from lr_lightning.study.evaluation_file import read_evaluation, write_evaluation
from lr_lightning.study.layout import codes_path, evaluation_path, run_folder, udr_path
from lr_lightning.study.manifest import Evaluation, Manifest
from lr_lightning.study.run_job import run_job
from lr_lightning.study.run_states import run_state, run_states
from lr_lightning.study.udr import compare_runs, update_udr
from lr_lightning.study.udr_file import CellUDR, StudyUDR, read_study_udr
from lr_lightning.testing.synthetic_study import synthetic_codes, synthetic_manifest, write_synthetic_study
from tests.study.small_study import job_of, make_study

NUM_INPUTS = 40
SHORT = {"trainer.max_epochs": 1, "data.batches_per_epoch": 4, "trainer.log_every_n_steps": 2}
ROOT = Path("studies")


def update(manifest: Manifest, root: Path = ROOT, processes: int = 1) -> list[str]:
    """Compute what is missing, and return why cells could not be compared."""
    return update_udr(manifest, root, known(manifest, root), processes=processes)


def known(manifest: Manifest, root: Path = ROOT) -> StudyUDR:
    """Return what is known."""
    return read_study_udr(manifest, root, run_states(manifest, root))


def udr_rows(root: Path = ROOT, name: str = "synthetic") -> dict[tuple[str, int, str], float]:
    """Return the rows of UDR in the table, by cell, seed and variant."""
    table = read_table(name, root)
    rows = table[table["metric"] == "udr"]
    return {(row.cell, row.seed, row.variant): row.value for row in rows.itertuples()}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("udr") / "studies"


@pytest.fixture(scope="module")
def trained(root: Path) -> Manifest:
    """A study of one cell whose two seeds have been trained together."""
    test = {"metrics": [], "udr": {"num_inputs": NUM_INPUTS}}
    manifest = make_study(root, SHORT, seeds=[3, 5], runs_per_job=2, test=test)
    outcomes = run_job(job_of(manifest, root, seeds=(3, 5)))
    assert [outcome.state for outcome in outcomes] == ["done", "done"]
    return manifest


def synthetic(num_blocks: int = 2, seeds: int = 3, done: int | None = None, num_inputs: int = 60) -> Manifest:
    """Write a study of one cell in each block, of which the first seeds are done."""
    manifest = synthetic_manifest(num_blocks, 1, 1, seeds, evaluation=Evaluation(udr_inputs=num_inputs))
    runs = [(cell, seed) for cell, seed in manifest.runs if done is None or seed < done]
    write_synthetic_study(ROOT, manifest, runs, num_scores=1)
    return manifest


def codes_of(manifest: Manifest, cell: int, seed: int, root: Path = ROOT) -> Path:
    return codes_path(run_folder(root, manifest.cells[cell].identity, seed), manifest.evaluation.digest)


def evaluate_again(manifest: Manifest, cell: int, seed: int) -> None:
    """Write the scores of a run anew."""
    path = evaluation_path(run_folder(ROOT, manifest.cells[cell].identity, seed), manifest.evaluation.digest)
    write_evaluation(path, read_evaluation(path))


def test_udr_is_that_of_the_models(trained: Manifest, root: Path) -> None:
    [cell] = trained.cells
    assert update(trained, root) == []
    runs = [lr.load_run(run_folder(root, cell.identity, seed)) for seed in trained.seeds]
    dataset = cast(FactorDataModule, runs[0].data()).dataset
    chosen = read_codes(codes_of(trained, 0, 3, root)).indices
    assert chosen is not None
    with torch.no_grad():
        models = [cast(AutoencoderModule, run.model("last")) for run in runs]
        posteriors = [cast(Normal, model.encode(dataset.images(chosen).float())) for model in models]
    means = [posterior.mean for posterior in posteriors]
    divergences = [gaussian_kl(each.mean, each.variance.log()).mean(dim=0) for each in posteriors]
    found = udr_rows(root, "small")
    for similarity in ("lasso", "spearman"):
        direct = unsupervised_disentanglement_ranking(means, kl_of_models=divergences, similarity=similarity).scores
        assert [found[cell.identity, seed, similarity] for seed in trained.seeds] == pytest.approx(direct.tolist())
        assert (direct > 0).all()


def test_all_seeds_have_the_same_inputs(trained: Manifest, root: Path) -> None:
    """They are a sample of the whole set, whatever the split and the order of training."""
    first, second = (read_codes(codes_of(trained, 0, seed, root)) for seed in trained.seeds)
    run = lr.load_run(run_folder(root, trained.cells[0].identity, 3))
    data = run.data()
    assert isinstance(data, FactorDataModule)
    for found in (first, second):
        assert found.indices is not None
        assert found.factors is not None
        assert found.log_variances is not None
        assert found.codes.dtype == found.log_variances.dtype == torch.float32
        assert (found.indices.diff() > 0).all()  # none twice
        assert found.factors.equal(data.dataset.factors(found.indices))
    assert first.indices is not None
    assert second.indices is not None
    assert first.indices.equal(second.indices)
    assert len(first.indices) == NUM_INPUTS
    assert 0 < np.isin(first.indices, data.val_indices).sum() < NUM_INPUTS
    assert not first.codes.allclose(second.codes)


def test_removed_codes_are_written_again_without_training(trained: Manifest, root: Path) -> None:
    path = codes_of(trained, 0, 5, root)
    folder, before = run_folder(root, trained.cells[0].identity, 5), read_codes(path)
    weights = (folder / "checkpoints" / "last.ckpt").stat().st_mtime_ns
    path.unlink()
    assert run_state(folder, trained.evaluation).state == "waiting"
    [outcome] = run_job(job_of(trained, root, seed=5))
    assert outcome.state == "done"
    assert (folder / "checkpoints" / "last.ckpt").stat().st_mtime_ns == weights
    for one, other in zip(before, read_codes(path), strict=True):
        assert one is not None
        assert other is not None
        assert one.equal(other)


def test_without_finite_codes_a_run_fails_and_has_no_scores(
    trained: Manifest, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read_codes(codes_of(trained, 0, 3, root))
    found.codes[1] = torch.nan
    monkeypatch.setattr(lr.Run, "encode", lambda *_, **__: found)
    other = replace(trained.evaluation, udr_inputs=7)
    [outcome] = run_job(job_of(trained, root, seed=3, evaluation=other))
    assert outcome.state == "failed"
    assert f"1 of {NUM_INPUTS} inputs" in outcome.sentence
    assert not evaluation_path(run_folder(root, trained.cells[0].identity, 3), other.digest).exists()


def test_the_table_has_udr_of_each_run() -> None:
    manifest = synthetic()
    with pytest.warns(UserWarning, match="UDR of 2 cells is missing.*lr-lightning study udr synthetic"):
        assert udr_rows() == {}
    assert update(manifest) == []
    found = udr_rows()
    for cell in manifest.cells:
        codes = [torch.from_numpy(synthetic_codes(cell, seed, 60)) for seed in manifest.seeds]
        for similarity in ("lasso", "spearman"):
            direct = unsupervised_disentanglement_ranking(codes, similarity=similarity).scores.tolist()
            assert [found[cell.identity, seed, similarity] for seed in manifest.seeds] == direct
    table = read_table("synthetic", ROOT)
    rows = table[table["metric"] == "udr"].iloc[:2]
    assert rows["name"].tolist() == ["udr_lasso", "udr_spearman"]
    assert rows["kind"].tolist() == ["metric", "metric"]
    assert rows["ceiling"].tolist() == [0.9, 1.0]
    assert rows["chance"].tolist() == pytest.approx([0, np.nan], nan_ok=True)
    assert rows["higher_is_better"].all()
    assert rows["value"].max() <= 0.9


def test_a_new_seed_makes_it_out_of_date() -> None:
    manifest = synthetic(seeds=3, done=2)
    assert update(manifest) == []
    before = udr_rows()
    assert {seed for _, seed, _ in before} == {0, 1}
    shutil.rmtree(ROOT)
    synthetic(seeds=3)
    path = udr_path(ROOT, manifest.cells[0].identity, manifest.evaluation.digest, manifest.seeds)
    finished = {seed: run_states(manifest, ROOT)[manifest.cells[0].identity, seed].finished or 0.0 for seed in (0, 1)}
    path.parent.mkdir()
    text = {"format": 1, "finished": finished, "num_inputs": 60, "lasso": [0.5, 0.5], "spearman": [0.5, 0.5]}
    path.write_text(json.dumps(text))
    assert set(known(manifest).missing) == {cell.identity for cell in manifest.cells}
    assert update(manifest) == []
    assert {seed for _, seed, _ in udr_rows()} == {0, 1, 2}


def test_a_run_that_is_evaluated_again_makes_it_out_of_date() -> None:
    manifest = synthetic()
    assert update(manifest) == []
    assert not known(manifest).missing
    evaluate_again(manifest, 1, 2)
    assert set(known(manifest).missing) == {manifest.cells[1].identity}
    with pytest.warns(UserWarning, match="UDR of 1 cell is missing"):
        assert {cell for cell, _, _ in udr_rows()} == {manifest.cells[0].identity}


def test_a_run_that_is_done_no_more_makes_it_out_of_date() -> None:
    manifest = synthetic()
    assert update(manifest) == []
    codes_of(manifest, 0, 1).unlink()
    assert set(known(manifest).missing) == {manifest.cells[0].identity}
    assert update(manifest) == []
    assert known(manifest).current[manifest.cells[0].identity].finished.keys() == {0, 2}


def test_a_cell_with_one_run_has_no_udr_and_lacks_none() -> None:
    manifest = synthetic(done=1)
    assert known(manifest) == StudyUDR({}, {})
    assert udr_rows() == {}


def test_studies_with_other_seeds_have_files_of_their_own() -> None:
    large = synthetic(seeds=4)
    small = replace(large, name="less", seeds=(0, 1))
    for manifest in (large, small, large):
        assert update(manifest) == []
        assert not known(manifest).missing
    for cell in large.cells:
        assert known(large).current[cell.identity].finished.keys() == {0, 1, 2, 3}
        assert known(small).current[cell.identity].finished.keys() == {0, 1}
    assert not known(replace(small, seeds=(1, 0))).missing


def test_a_study_without_udr_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = synthetic_manifest(1, 1, 1, 2)
    write_synthetic_study(ROOT, manifest, num_scores=1)
    monkeypatch.delattr("lr_lightning.study.udr_file.read_udr")
    assert known(manifest) == StudyUDR({}, {})


@pytest.mark.parametrize("text", ["", "{}", '{"format": 1, "finished": {"0": 1}}', "[1]"])
def test_a_damaged_file_is_computed_again(text: str) -> None:
    manifest = synthetic(1)
    assert update(manifest) == []
    right = udr_rows()
    [path] = ROOT.glob("runs/*/udr/*")
    path.write_text(text or path.read_text().replace('"format": 1', '"format": 2'))
    assert set(known(manifest).missing) == {manifest.cells[0].identity}
    assert update(manifest) == []
    assert udr_rows() == right


def test_codes_that_cannot_be_read_are_named_and_others_are_compared() -> None:
    manifest = synthetic(3)
    codes_of(manifest, 0, 1).write_bytes(b"PK damaged")
    np.savez(codes_of(manifest, 1, 2), codes=np.ones((60, 4), np.float32), indices=np.arange(1, 61))
    first, second = update(manifest)
    assert str(codes_of(manifest, 0, 1).absolute()) in first
    assert manifest.cells[0].label in first
    assert str(codes_of(manifest, 1, 2).absolute()) in second
    assert set(known(manifest).current) == {manifest.cells[2].identity}


def test_several_processes_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = synthetic()
    assert update(manifest) == []
    alone = known(manifest)
    shutil.rmtree(ROOT)
    synthetic()
    monkeypatch.setattr("lr_lightning.study.udr._PAIRS_PER_PROCESS", 1)
    told: list[tuple[int, int]] = []
    tell = lambda done, total: told.append((done, total))  # noqa: E731
    assert update_udr(manifest, ROOT, known(manifest), processes=2, tell=tell) == []
    assert told == [(1, 2), (2, 2)]
    assert known(manifest) == alone


def write(path: Path, means: torch.Tensor, log_variances: torch.Tensor | None = None) -> Path:
    """Write codes of a run."""
    write_codes(path, RunCodes(means.float(), log_variances, None, torch.arange(len(means))))
    return path


def test_latents_that_carry_nothing_are_not_compared(tmp_path: Path) -> None:
    """A passive latent of a VAE has codes too, which differ between seeds, and its posterior is the prior."""
    generator = torch.Generator().manual_seed(0)
    shared = torch.randn(300, 2, generator=generator)
    paths = []
    for seed in range(2):
        passive = 0.11 * torch.randn(300, 1, generator=generator)  # variance above .01, divergence below
        log_variances = torch.tensor([-4.0, -4.0, 0.0]).expand(300, 3)
        paths.append(write(tmp_path / f"{seed}.npz", torch.cat([shared, passive], dim=1), log_variances))
    found = compare_runs(tuple(paths), {0: 1.0, 1: 2.0})
    assert found.lasso == pytest.approx([0.9, 0.9])
    tables = [read_codes(path).codes for path in paths]
    assert unsupervised_disentanglement_ranking(tables).value < 0.8


def test_a_run_without_any_latent_is_undefined_and_left_out(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    codes = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    tables = (codes, torch.zeros(50, 3), codes)
    paths = tuple(write(tmp_path / f"{seed}.npz", table) for seed, table in enumerate(tables))
    found = compare_runs(paths, {0: 1.0, 4: 1.0, 7: 1.0})
    assert found == CellUDR({0: 1.0, 4: 1.0, 7: 1.0}, 50, found.lasso, found.spearman)
    assert found.lasso[1] is None
    assert found.spearman[1] is None
    assert found.lasso[0] == pytest.approx(0.9)
    assert len(recwarn) == 0
