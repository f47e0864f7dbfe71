"""One job of a study, in this process."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from lr_lightning.cli import main
from lr_lightning.commands.run.lease import LeaseLostError, acquire
from lr_lightning.configs import CONFIG_FOLDER
from lr_lightning.runs import fit
from lr_lightning.study import training
from lr_lightning.study.evaluation_file import read_evaluation
from lr_lightning.study.failure import Failure, read_failure, write_failure
from lr_lightning.study.job import BrokenWorkerError, Outcome
from lr_lightning.study.layout import CELL_CONFIG, cell_folder, continued_step, evaluation_path, run_folder
from lr_lightning.study.manifest import Evaluation, Manifest
from lr_lightning.study.run_job import run_job, state_after
from lr_lightning.study.training import run_values
from tests.study.small_study import comparable, job_of, make_study

pytestmark = [
    pytest.mark.filterwarnings("ignore:score undefined"),  # models of a few steps
    pytest.mark.filterwarnings("ignore:independence is undefined"),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study, whose first run is done."""
    return tmp_path_factory.mktemp("job") / "studies"


@pytest.fixture(scope="module")
def manifest(root: Path) -> Manifest:
    return make_study(root)


@pytest.fixture(scope="module")
def trained(root: Path, manifest: Manifest) -> Path:
    """The folder of the first run."""
    torch.set_num_threads(2)  # a job sets its own number
    [outcome] = run_job(job_of(manifest, root))
    assert (outcome.run.seed, outcome.state, outcome.sentence) == (0, "done", "")
    assert outcome.seconds > 0
    return run_folder(root, manifest.cells[0].identity, 0)


def test_a_run_is_that_of_fit_and_test_to_the_bit(trained: Path, root: Path, manifest: Manifest) -> None:
    cell = cell_folder(root, manifest.cells[0].identity) / CELL_CONFIG
    quiet = "--trainer.enable_progress_bar=false"
    fit = ["fit", f"--config={cell}", "--seed_everything=0", "--trainer.default_root_dir=plain", quiet]
    scores = "--assays.scores=DisentanglementAssay", "--assays.scores.final_metrics=[mig]", "--assays.scores.metrics=[]"
    assays = "--assays=null", "--assays.latent_statistics=LatentStatisticsAssay", *scores
    for arguments in ([*fit, "--wandb.mode=disabled"], ["test", "plain/checkpoints/last.ckpt", *assays, quiet]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
    plain, found = comparable(Path("plain")), comparable(trained)
    assert plain.keys() == found.keys()
    for name in plain:
        assert plain[name] == found[name], name


def test_the_evaluation_file_has_everything_for_the_table(trained: Path, root: Path, manifest: Manifest) -> None:
    record = read_evaluation(evaluation_path(trained, manifest.evaluation.digest))
    results = json.loads((trained / "results.json").read_text())
    assert (record.cell, record.seed, record.step) == (manifest.cells[0].identity, 0, 60)
    assert (record.threads, record.precision) == (1, "32-true")
    assert record.training_seconds == results["fit"]["seconds"]
    assert record.evaluation_seconds == results["test"]["seconds"]
    assert record.versions == results["test"]["versions"]
    assert record.scalars == results["test"]["scalars"]
    assert record.validation == results["fit"]["scalars"]
    assert record.scores["name"] == ["mig"]
    assert record.scores["value"] == pytest.approx([record.scalars["metric/mig/score"]], abs=1e-7)
    assert record.scores["chance"][0] is not None
    assert "assay/latent_statistics/active_units" in record.scalars


def test_wandb_groups_the_runs_of_a_study(trained: Path, manifest: Manifest) -> None:
    [cell] = manifest.cells
    options = yaml.safe_load((trained / "config.yaml").read_text())["wandb"]
    assert options["mode"] == "disabled"
    assert options["group"] == manifest.name
    assert options["name"] == f"{cell.label} seed 0"
    assert options["config"] == {"model.beta": 0.05, "seed": 0}


def test_a_run_that_is_done_is_left_alone(trained: Path, root: Path, manifest: Manifest) -> None:
    def moments() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in trained.rglob("*")}

    before = moments()
    [outcome] = run_job(job_of(manifest, root))
    assert outcome.state == "done"
    assert moments() == before


def test_another_evaluation_does_not_train_again(trained: Path, root: Path, manifest: Manifest) -> None:
    before = (trained / "checkpoints" / "last.ckpt").stat().st_mtime_ns
    other = Evaluation(metrics=("irs",), assays={}, codes="sample", checkpoint="best")
    [outcome] = run_job(job_of(manifest, root, evaluation=other))
    assert outcome.state == "done"
    assert (trained / "checkpoints" / "last.ckpt").stat().st_mtime_ns == before
    record = read_evaluation(evaluation_path(trained, other.digest))
    assert set(record.scores["metric"]) == {"irs"}
    assert not [key for key in record.scalars if key.startswith("assay/latent_statistics")]
    config = json.loads((trained / "results.json").read_text())["test"]["config"]
    assert config["assays"]["disentanglement"]["init_args"]["codes"] == "sample"
    assert Path(config["ckpt_path"]).name == "best.ckpt"
    assert evaluation_path(trained, manifest.evaluation.digest).exists()


def test_codes_of_a_deterministic_model_are_its_samples(tmp_path: Path) -> None:
    arguments = yaml.safe_load((CONFIG_FOLDER / "helix.yaml").read_text())["model"]["init_args"]
    kept = {key: arguments[key] for key in ("network", "optimizer")}
    model = {"class_path": "Autoencoder", "init_args": kept}
    root, test = tmp_path / "studies", {"metrics": ["mig"], "codes": "sample"}
    manifest = make_study(root, grid=[{"model": model}], test=test)
    [outcome] = run_job(job_of(manifest, root))
    assert (outcome.state, outcome.sentence) == ("done", "")
    folder = run_folder(root, manifest.cells[0].identity, 0)
    assert read_evaluation(evaluation_path(folder, manifest.evaluation.digest)).scores["name"] == ["mig"]


def test_the_step_from_which_a_run_continues_is_noted(trained: Path, root: Path, manifest: Manifest) -> None:
    """Until then, an interrupted run was trained at a speed that is not known."""
    assert continued_step(trained) == 0
    job = job_of(manifest, root, seed=5)
    folder, config = run_folder(root, *job.runs[0]), cell_folder(root, job.runs[0].cell) / CELL_CONFIG
    fit(config, run_values(job, job.runs[0]) | {"trainer.max_epochs": 1}, folder=folder, quiet=True)
    (folder / "results.json").unlink()
    (folder / "config.yaml").write_text((folder / "config.yaml").read_text().replace("max_epochs: 1", "max_epochs: 3"))
    assert [outcome.state for outcome in run_job(job)] == ["done"]
    assert continued_step(folder) == 20


def test_a_success_removes_the_record_of_an_earlier_failure(trained: Path, root: Path, manifest: Manifest) -> None:
    write_failure(trained, Failure("failed", "before"))
    assert run_job(job_of(manifest, root))[0].state == "done"
    assert read_failure(trained) is None


def test_a_run_of_another_process_is_left_to_it(root: Path, manifest: Manifest) -> None:
    folder = run_folder(root, manifest.cells[0].identity, 7)
    folder.mkdir(parents=True)
    lease = acquire(folder)
    try:
        [outcome] = run_job(job_of(manifest, root, seed=7))
    finally:
        lease.release()
    assert outcome.state == "held"
    assert str(folder) in outcome.sentence
    assert list(folder.iterdir()) == []


def test_a_run_is_evaluated_by_one_process_at_a_time(
    trained: Path, root: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also at the moments when its folder is free: between training and the test, and before the scores are written."""
    other, evaluate = Evaluation(metrics=("mig",), assays={}), training.evaluate
    states: list[str] = []

    def evaluate_beside_another(*arguments: Any) -> Any:
        monkeypatch.setattr(training, "evaluate", evaluate)
        states.append(run_job(job_of(manifest, root, evaluation=other))[0].state)
        record = evaluate(*arguments)
        states.append(run_job(job_of(manifest, root, evaluation=other))[0].state)
        return record

    monkeypatch.setattr(training, "evaluate", evaluate_beside_another)
    [outcome] = run_job(job_of(manifest, root, evaluation=other))
    assert (outcome.state, states) == ("done", ["held", "held"])
    assert evaluation_path(trained, other.digest).exists()


def test_a_run_with_another_config_is_refused(trained: Path, root: Path, manifest: Manifest) -> None:
    folder = run_folder(root, manifest.cells[0].identity, 8)
    folder.mkdir(parents=True)
    config = yaml.safe_load((trained / "config.yaml").read_text())
    config["model"]["init_args"]["beta"] = 0.25
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    [outcome] = run_job(job_of(manifest, root, seed=8))
    assert outcome.state == "failed"
    assert str(folder) in outcome.sentence
    assert "model.beta is 0.25" in outcome.sentence
    assert "0.05" in outcome.sentence
    assert [path.name for path in folder.iterdir()] == ["config.yaml"]


def test_a_loss_that_is_not_finite_is_no_other_failure(tmp_path: Path) -> None:
    diverging = make_study(tmp_path / "studies", {"model.optimizer.lr": 1e30})
    [outcome] = run_job(job_of(diverging, tmp_path / "studies", seed=3))
    assert (outcome.run.seed, outcome.state) == (3, "diverged")
    assert "the loss is nan" in outcome.sentence


def test_a_full_disk_is_not_a_failure_of_the_run(
    root: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checkpoints raise another error, whose cause has the number of the system's error."""

    def no_space(*args: Any, **kwargs: Any) -> None:
        try:
            raise OSError(errno.ENOSPC, "no space")
        except OSError as error:
            raise RuntimeError("unexpected position") from error

    monkeypatch.setattr(torch, "save", no_space)
    [outcome] = run_job(job_of(manifest, root, seed=9))
    assert outcome.state == "full"
    assert "no space" in outcome.sentence


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("no memory"),
        torch.OutOfMemoryError("no memory on the device"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"),
    ],
)
def test_a_lack_of_memory_is_reported_as_such(
    root: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*args: Any) -> None:
        raise error

    monkeypatch.setattr(training, "train_and_evaluate", fail)
    with pytest.raises(MemoryError, match="memory"):
        run_job(job_of(manifest, root, seed=10))


def test_errors_have_their_states(root: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state_after(LeaseLostError("taken over")) == "held"
    assert state_after(FloatingPointError("the loss is nan")) == "diverged"
    assert state_after(OSError(errno.EACCES, "no")) == "failed"
    assert state_after(OSError(errno.EDQUOT, "no")) == "full"
    damaged = ValueError("last.ckpt is malformed")
    damaged.__cause__ = torch.OutOfMemoryError("no memory on the device")  # while it was restored
    with pytest.raises(MemoryError, match="no memory on the device"):
        state_after(damaged)
    with pytest.raises(BrokenWorkerError, match="illegal memory access"):  # after which each call of CUDA fails
        state_after(RuntimeError("CUDA error: an illegal memory access was encountered"))

    def fail(*args: Any) -> None:
        raise KeyError("here")

    monkeypatch.setattr(training, "train_and_evaluate", fail)
    [outcome] = run_job(job_of(manifest, root, seed=11))
    assert isinstance(outcome, Outcome)
    assert outcome.state == "failed"
    assert "here" in outcome.sentence
    assert outcome.host
