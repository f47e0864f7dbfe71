"""Exported models are the models, with nothing lost and nothing added."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

import lr_lightning as lr
from lr_lightning.models import AdaGVAE, AutoencoderModule, BetaVAE, FactorVAE, SeedEnsemble
from lr_lightning.runs.sharing import export
from tests.importers.foreign_files import random_weights, released_shapes
from tests.runs.process_state import changes, process_state
from tests.runs.tiny import TINY
from tests.test_old_runs import RUNS

pytestmark = [pytest.mark.filterwarnings("ignore:independence is undefined")]  # barely trained

SCORES = {"class_path": "disentanglement", "init_args": {"metrics": ["mig"], "final_metrics": ["irs"]}}
PAIRS: dict[str, Any] = {
    "model.network": {"class_path": "Conv64Burgess", "init_args": {"latent_dim": 3, "channels": 3}},
    "data.batch_size": 4,
    "data.batches_per_epoch": 2,
    "data.val_size": 32,
    "data.eval_batch_size": 16,
    "trainer.max_steps": 4,
    "trainer.accelerator": "cpu",
    "trainer.logger": False,
    "assays": None,
    "assays.scores": {"class_path": "disentanglement", "init_args": {"metrics": ["mig"], "final_metrics": []}},
}
CASES: dict[str, tuple[str, dict[str, Any], type[AutoencoderModule]]] = {
    "beta_vae": ("helix", TINY | {"assays.scores": SCORES}, BetaVAE),
    "optimal_std": (
        "helix",
        TINY | {"model.likelihood": {"class_path": "Gaussian", "init_args": {"optimal_std": True}}},
        BetaVAE,
    ),
    "annealed": ("helix", TINY | {"model.beta": {"class_path": "WarmUp", "init_args": {"num_steps": 7}}}, BetaVAE),
    "half_precision": ("helix", TINY | {"trainer.precision": "bf16-true"}, BetaVAE),
    "pairs": ("ada_gvae", PAIRS, AdaGVAE),
}


@pytest.fixture(scope="module", params=[*CASES, "factor_vae"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[lr.Run, type]:
    """A run, and the class of its model."""
    folder = tmp_path_factory.mktemp("runs") / request.param
    if request.param == "factor_vae":  # with a second network, the discriminator
        shutil.copytree(RUNS / "factor_vae", folder)
        return lr.load_run(folder), FactorVAE
    config, values, kind = CASES[request.param]
    return lr.fit(config, values, folder=folder, quiet=True), kind


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> lr.Run:
    folder = tmp_path_factory.mktemp("runs") / "run"
    return lr.fit("helix", TINY | {"assays.scores": SCORES}, folder=folder, quiet=True)


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> lr.Run:
    values = TINY | {"seeds": [3, 5], "assays.scores": SCORES}
    return lr.fit("helix", values, folder=tmp_path_factory.mktemp("runs") / "ensemble", quiet=True)


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return contents and modification times of all files."""
    return {
        str(path.relative_to(folder)): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
        for path in [folder, *folder.rglob("*")]
    }


def bits(state: Mapping[str, Tensor]) -> dict[str, bytes]:
    return {name: value.contiguous().view(torch.uint8).numpy().tobytes() for name, value in state.items() if value.ndim}


def untimed(scalars: Mapping[str, float]) -> dict[str, float]:
    return {key: value for key, value in scalars.items() if not key.endswith("seconds") and value == value}


def test_weights_codes_and_losses_are_the_same_to_the_bit(case: tuple[lr.Run, type], tmp_path: Path) -> None:
    run, kind = case
    before = content(run.folder)
    state = process_state()
    exported = lr.load_run(run.export(tmp_path / "shared"))
    assert changes(state) == []
    assert content(run.folder) == before
    exported_before = content(exported.folder)
    assert {path for path in exported_before if path != "."} == set(export.FILES)

    model, original = exported.model(), run.model()
    assert type(model) is kind
    assert isinstance(original, AutoencoderModule)
    assert not model.training
    assert bits(model.state_dict()) == bits(original.state_dict())
    assert all(torch.equal(value, original.state_dict()[name]) for name, value in model.state_dict().items())
    assert model.steps_trained == original.steps_trained > 0
    assert model.noise_seed == original.noise_seed
    for one, other in zip(exported.encode(50), run.encode(50), strict=True):
        assert (one is None) == (other is None)
        assert one is None or torch.equal(one, other)  # type: ignore[arg-type]
    found, expected = (each.validate(quiet=True) for each in (exported, run))
    assert untimed(found.scalars) == untimed(expected.scalars)
    assert [row.row._replace(seconds=0, level_seconds=0) for row in found.scores] == [
        row.row._replace(seconds=0, level_seconds=0) for row in expected.scores
    ]
    assert content(exported.folder) == exported_before  # it is only read


def test_scores_config_and_records(run: lr.Run, tmp_path: Path) -> None:
    exported = lr.load_run(run.export(tmp_path / "shared", checkpoint="last"))
    assert exported.is_exported
    assert not run.is_exported
    assert exported.scores.to_pandas().equals(run.scores.to_pandas())
    assert len(exported.scores) == 2
    assert untimed(exported.scalars) == untimed(run.scalars)
    assert exported.seed == run.seed == 0
    assert str(run.folder) not in "".join(
        path.read_text() for path in exported.folder.iterdir() if path.suffix != ".safetensors"
    )
    assert exported.config["model"] == run.config["model"]
    assert exported.config["data"] == run.config["data"]
    record = exported.results["fit"]
    for key in ("versions", "data", "git_commit", "threads", "cautions"):
        assert record[key] == run.results["fit"][key]
    assert exported.checkpoint() == exported.folder / "model.safetensors"
    with pytest.raises(FileNotFoundError, match=r"shared.*'last'.*'best'"):
        exported.checkpoint("last")
    with pytest.raises(ValueError, match="shared is an exported model already"):
        exported.export(tmp_path / "again")


def test_evaluations_write_to_a_run_folder_of_their_own(run: lr.Run, tmp_path: Path) -> None:
    exported = lr.load_run(run.export(tmp_path / "shared"))
    exported.folder.chmod(0o555)  # without effect on root
    before = content(exported.folder)
    scalars = exported.scalars
    tested = exported.test(metrics=["mig"], quiet=True)
    codes = exported.codes()
    exported.assay(tmp_path / "report", assays=["latent_statistics"], quiet=True)
    page = (tmp_path / "report" / "index.html").read_text()
    exported.folder.chmod(0o755)
    assert {path.parent for path in tmp_path.rglob("results.json")} == {
        exported.folder,
        tmp_path / "runs" / "run",  # the working folder of a test is tmp_path
        tmp_path / "report",
    }
    assert tested.checkpoint == exported.folder / "model.safetensors"
    assert tested.scores["mig"] == pytest.approx(tested.scalars["metric/mig/score"], rel=1e-6)
    assert torch.equal(codes.codes, run.codes().codes)
    assert "latent_statistics" in page
    assert exported.scalars == scalars
    exported.folder.chmod(0o755)
    assert {path: each[0] for path, each in content(exported.folder).items()} == {
        path: each[0] for path, each in before.items()
    }


def test_an_ensemble_is_exported_one_model_at_a_time(ensemble: lr.Run, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"2 models.*checkpoints/seed_3\.ckpt, .*checkpoints/seed_5\.ckpt"):
        ensemble.export(tmp_path / "shared")
    assert list(tmp_path.iterdir()) == []
    exported = lr.load_run(ensemble.export(tmp_path / "shared", checkpoint="seed_5"))
    whole, one = ensemble.model("last"), exported.model()
    assert isinstance(whole, SeedEnsemble)
    assert bits(one.state_dict()) == bits(whole.members[1].state_dict())
    assert exported.seed == 5
    assert exported.config["seeds"] is None
    assert {score.seed for score in exported.scores} == {5}
    assert exported.scalars["val/loss"] == ensemble.scalars["seed_5/val/loss"]
    wanted = ensemble.scores.to_pandas().set_index(["seed", "name"])["value"]
    assert exported.scores["mig"] == wanted[5, "mig"]
    assert torch.equal(exported.encode(9).codes, ensemble.encode(9, "seed_5").codes)


def test_a_new_run_starts_from_the_weights(run: lr.Run, tmp_path: Path) -> None:
    shared = run.export(tmp_path / "shared")
    values = {"initial_weights": str(shared), "model.optimizer.lr": 0.0, "trainer.max_epochs": 1}
    again = lr.fit(shared / "config.yaml", values, folder=tmp_path / "again", quiet=True)
    assert bits(again.model().state_dict()) == bits(run.model().state_dict())
    assert again.config["initial_weights"] == str(shared / "model.safetensors")
    second = lr.load_run(again.export(tmp_path / "second"))
    assert second.config["initial_weights"] is None if "initial_weights" in second.config else True
    assert "| Initial weights | `shared/model.safetensors` |" in (second.folder / "README.md").read_text()


@pytest.mark.parametrize("existing", ["resume", "error"])
def test_no_run_is_written_into_an_exported_folder(run: lr.Run, tmp_path: Path, existing: Any) -> None:
    shared = run.export(tmp_path / "shared")
    before = content(shared)
    with pytest.raises(ValueError, match="initial_weights"):
        lr.fit(shared / "config.yaml", folder=shared, existing=existing, quiet=True)
    assert content(shared) == before
    beside = lr.fit(shared / "config.yaml", {"trainer.max_epochs": 1}, folder=shared, quiet=True)
    assert beside.folder == tmp_path / "shared-1"


def test_the_folder_is_replaced_as_a_whole_or_not_at_all(
    run: lr.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = run.export(tmp_path / "shared", license="first")
    before = content(shared)
    with pytest.raises(FileExistsError, match=r"shared.*--overwrite"):
        run.export(shared)
    monkeypatch.setattr(export, "model_card", lambda _: 1 / 0)
    for out in (shared, tmp_path / "other"):
        with pytest.raises(ZeroDivisionError):
            run.export(out, overwrite=True)
    monkeypatch.undo()
    assert content(shared) == before
    assert [path.name for path in tmp_path.iterdir()] == ["shared"]
    run.export(shared, checkpoint="last", license="second", overwrite=True)
    assert "Weights: second." in (shared / "README.md").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["shared"]
    assert shared.stat().st_mode & 0o777 == (tmp_path / "shared" / "config.yaml").stat().st_mode & 0o777 | 0o111


def test_the_former_folder_stays_if_the_new_one_cannot_take_its_place(
    run: lr.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = run.export(tmp_path / "shared")
    before = {path: path.read_bytes() for path in shared.iterdir()}
    rename, failed = Path.rename, list[Path]()

    def fail_once(path: Path, target: Path) -> Path:
        if target == shared and not failed:
            failed.append(path)
            raise OSError("the disk is full")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_once)
    with pytest.raises(OSError, match="the disk is full"):
        run.export(shared, overwrite=True)
    assert len(failed) == 1
    assert {path: path.read_bytes() for path in shared.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["shared"]


def test_other_files_are_never_replaced(run: lr.Run, tmp_path: Path) -> None:
    shared = run.export(tmp_path / "shared")
    (shared / "notes.txt").touch()
    with pytest.raises(FileExistsError, match=r"shared contains 'notes\.txt'"):
        run.export(shared, overwrite=True)
    with pytest.raises(FileExistsError, match="is a run folder"):
        run.export(run.folder, overwrite=True)
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match="file is a file"):
        run.export(tmp_path / "file", overwrite=True)
    (tmp_path / "empty").mkdir()
    assert lr.load_run(run.export(tmp_path / "empty")).is_exported


def test_a_checkpoint_of_another_run_is_refused(run: lr.Run, ensemble: lr.Run, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"seed_3\.ckpt is no checkpoint of the run"):
        run.export(tmp_path / "shared", checkpoint=ensemble.checkpoint("seed_3"))


def test_a_model_loads_without_its_data(run: lr.Run, tmp_path: Path) -> None:
    """The config names a file that only the machine of the run has."""
    shared = run.export(tmp_path / "shared")
    config = yaml.safe_load((shared / "config.yaml").read_text())
    config["data"]["init_args"]["dataset"] = {"class_path": "Shapes3D", "init_args": {"path": "data_sets/missing.h5"}}
    (shared / "config.yaml").write_text(yaml.safe_dump(config))
    exported = lr.load_run(shared)
    assert exported.model().latent_dim == 2
    with pytest.raises(ValueError, match=r"data_sets/missing\.h5"):
        exported.data()


class TestDamage:
    """A damaged or foreign folder is one sentence, and none of it is executed."""

    @pytest.fixture
    def shared(self, run: lr.Run, tmp_path: Path) -> Path:
        return run.export(tmp_path / "shared")

    def test_of_the_weights(self, shared: Path) -> None:
        weights = shared / "model.safetensors"
        whole = weights.read_bytes()
        for damaged in (whole[:-5], whole[:-5] + b"12345", b"", b"\x80\x04N."):
            weights.write_bytes(damaged)
            with pytest.raises(ValueError, match=r"model\.safetensors") as raised:
                lr.load_run(shared).model()
            assert "\n" not in str(raised.value)
        weights.unlink()
        with pytest.raises(FileNotFoundError, match="shared has no checkpoint 'best'"):
            lr.load_run(shared).model()

    def test_of_shapes(self, shared: Path) -> None:
        config = (shared / "config.yaml").read_text()
        (shared / "config.yaml").write_text(config.replace("latent_dim: 2", "latent_dim: 3"))
        with pytest.raises(ValueError, match=r"model\.safetensors was saved from another model.*config\.yaml"):
            lr.load_run(shared).model()

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("model: !!python/object/apply:os.mkdir [executed]", r"config\.yaml.*python/object"),
            ("model: {class_path: os.mkdir, init_args: {path: executed}}", "os.mkdir"),
            ("model: {class_path: no_such_package.Model}", "no_such_package.Model"),
            ("model: {class_path: BetaVAE, init_args: {optimizer: {class_path: os.mkdir}}}", "optimizer"),
            ("a: &a [x, x]\nb: &b [*a, *a]\n", "'a'"),
            ("[1, 2", r"config\.yaml"),
            ("3", "config: 3"),
        ],
    )
    def test_of_the_config(self, shared: Path, text: str, message: str) -> None:
        (shared / "config.yaml").write_text(text)
        with pytest.raises(ValueError, match=message) as raised:
            lr.load_run(shared).model()
        assert "\n" not in str(raised.value)
        assert not Path("executed").exists()

    @pytest.mark.parametrize(
        "text", ["[]", "{", '{"fit": 3}', '{"fit": {"scalars": [1]}}', '{"fit": {"scalars": {"a": "b"}}}', "[" * 10**5]
    )
    def test_of_the_results(self, shared: Path, text: str) -> None:
        (shared / "results.json").write_text(text)
        with pytest.raises(ValueError, match=r"results\.json is not a readable record") as raised:
            _ = lr.load_run(shared).scalars
        assert "\n" not in str(raised.value)
        assert lr.load_run(shared).model().latent_dim == 2

    def test_of_everything(self, tmp_path: Path) -> None:
        (tmp_path / "model.safetensors").touch()
        with pytest.raises(FileNotFoundError, match=r"config\.yaml"):
            lr.load_run(tmp_path)


def test_a_stopped_run_is_exported_with_what_is_known(run: lr.Run, tmp_path: Path) -> None:
    copy = shutil.copytree(run.folder, tmp_path / "copy")
    (copy / "results.json").unlink()
    exported = lr.load_run(lr.load_run(copy).export(tmp_path / "shared"))
    assert json.loads((exported.folder / "results.json").read_text()) == {}
    assert exported.scalars == {}
    assert len(exported.scores) == 0


def test_an_imported_model_keeps_its_origin_and_license(tmp_path: Path) -> None:
    source = tmp_path / "model_a.pt"
    torch.save(random_weights(released_shapes()), source)
    imported = lr.import_model("leeb2022", source, tmp_path / "imported")
    record = imported.results["import"] | {"license": "Apache-2.0"}
    (imported.folder / "results.json").write_text(json.dumps({"import": record}))
    exported = lr.load_run(imported.export(tmp_path / "shared"))
    assert exported.results["import"]["sha256"] == record["sha256"]
    assert bits(exported.model().state_dict()) == bits(imported.model().state_dict())
    card = (exported.folder / "README.md").read_text()
    assert "Weights: Apache-2.0." in card
    assert f"| Project | {record['url']} |" in card
    chosen = imported.export(tmp_path / "chosen", license="CC0-1.0")
    assert "Weights: CC0-1.0." in (chosen / "README.md").read_text()
