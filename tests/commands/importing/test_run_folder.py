"""Run folders with models of other projects."""

import hashlib
import json
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import Tensor

import lr_lightning as lr
from lr_lightning.cli import main
from lr_lightning.commands.importing.run_folder import import_run
from lr_lightning.data import FactorDataModule
from tests.importers.foreign_files import (
    disentangling_vae_decoding,
    disentangling_vae_encoding,
    disentangling_vae_shapes,
    random_weights,
    released_encoding,
    released_shapes,
    write_disentangling_vae,
)

SMALL = {"data.test_size": 64, "data.val_size": 64, "data.eval_batch_size": 32, "trainer.accelerator": "cpu"}


def released(folder: str = "runs/released") -> dict[str, Tensor]:
    """Import a model in the format of the released VAE, and return its weights."""
    weights = random_weights(released_shapes())
    torch.save(weights, "model_a.pt")
    import_run("leeb2022", Path("model_a.pt"), Path(folder))
    return weights


def command(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    return int(stopped.value.code or 0)


def test_the_folder_is_that_of_a_run() -> None:
    weights = released()
    run = lr.load_run("runs/released")
    model = run.model()
    assert type(model).__name__ == "BetaVAE"
    assert torch.equal(model.state_dict()["network.encoder.0.weight"], weights["encoder.0.conv.weight"])
    assert run.config["model"]["init_args"]["kl"] == "leeb2022"
    assert run.config["trainer"]["precision"] == "32-true"  # not what this machine prefers
    assert run.config["trainer"]["default_root_dir"] == str(Path("runs/released").absolute())
    assert run.config["data"]["init_args"]["dataset"]["class_path"].endswith("RenderedShapes3D")
    codes = run.encode(4)
    assert codes.indices is not None
    images = cast(FactorDataModule, run.data()).dataset.images(codes.indices).float() / 255
    with torch.no_grad():
        # float32 in another order of summation
        torch.testing.assert_close(codes.codes, released_encoding(weights, images)[0], rtol=1e-4, atol=1e-4)
    assert {path.name for path in Path("runs").iterdir()} == {"released"}


def test_the_origin_is_recorded() -> None:
    released()
    [(name, record)] = json.loads(Path("runs/released/results.json").read_text()).items()
    assert name == "import"
    assert record["format"] == "leeb2022"
    assert record["file"] == "model_a.pt"
    assert record["sha256"] == hashlib.sha256(Path("model_a.pt").read_bytes()).hexdigest()
    assert record["license"] == "MIT"
    assert record["url"].startswith("https://github.com/")
    assert record["step"] == 100_000
    assert len(record["notes"]) == 1
    run = lr.load_run("runs/released")
    assert record["config"] == run.config
    assert run.scalars == {}
    assert len(run.scores) == 0


@pytest.mark.filterwarnings("ignore:independence is undefined")  # random weights
def test_it_is_tested_and_assayed() -> None:
    folder = write_disentangling_vae(Path("btcvae_dsprites"), loss="btcvae")
    run = lr.import_model("disentangling_vae", folder, "runs/btcvae")
    found = run.test(metrics=[], assays={"latent_statistics": {}}, values=SMALL, quiet=True)
    assert found.step == 345_600
    weights = random_weights(disentangling_vae_shapes())
    dataset = cast(FactorDataModule, run.data()).dataset
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0))[:64]
    images = dataset.images(order).float() / 255
    with torch.no_grad():
        means, log_variances = disentangling_vae_encoding(weights, images)
        kl = 0.5 * (means.square() + log_variances.exp() - log_variances - 1).sum(dim=1).mean()
        assert disentangling_vae_decoding(weights, means).shape == images.shape
    assert found.scalars["assay/latent_statistics/kl"] == pytest.approx(float(kl), rel=1e-4)
    page = run.assay("report", assays=["latent_statistics"], values=SMALL, quiet=True)
    assert "latent_statistics" in page.read_text()


@pytest.mark.parametrize("loss", ["VAE", "betaH", "betaB", "factor"])
def test_every_objective_is_evaluated(loss: str) -> None:
    run = lr.import_model("disentangling_vae", write_disentangling_vae(Path("model"), loss=loss), "run")
    found = run.test(metrics=[], assays=[], values=SMALL, quiet=True)
    if loss == "betaB":  # with the capacity at the end of its training
        gap = abs(found.scalars["test/kl"] - 25)
        assert found.scalars["test/loss"] == pytest.approx(found.scalars["test/reconstruction"] + 100 * gap, rel=1e-2)


def test_training_starts_from_it_but_does_not_continue(capsys: pytest.CaptureFixture[str]) -> None:
    released()
    assert command("fit", "runs/released") == 2
    assert "training cannot resume" in capsys.readouterr().err
    words = ["fit", "--config=runs/released/config.yaml", "--initial_weights=runs/released/checkpoints/best.ckpt"]
    words += ["--trainer.max_steps=1", "--data.batch_size=2", "--trainer.limit_val_batches=0", "--assays=null"]
    assert command(*words, "--trainer.default_root_dir=runs/next", "--trainer.logger=false") == 0
    weights = [lr.load_run(f"runs/{name}").model("last").state_dict() for name in ("released", "next")]
    moved = (weights[0]["network.encoder.0.weight"] - weights[1]["network.encoder.0.weight"]).abs().max()
    assert 0 < moved < 2e-4  # one step of Adam with a learning rate of 1e-4


def test_an_existing_folder_is_left_alone() -> None:
    Path("kept").mkdir()
    Path("kept/file").write_text("mine")
    with pytest.raises(FileExistsError, match="kept"):
        released("kept")
    assert [path.name for path in Path("kept").iterdir()] == ["file"]
    with pytest.raises(FileExistsError, match="model_a"):
        released("model_a.pt")


def test_an_empty_folder_is_used() -> None:
    Path("empty").mkdir()
    released("empty")
    assert (lr.load_run("empty").checkpoint("last")).is_file()


def test_nothing_is_left_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lr_lightning.importers.leeb2022._STEPS", "many")
    with pytest.raises(ValueError, match="max_steps"):
        released()
    assert list(Path("runs").iterdir()) == []


def test_a_folder_that_is_not_writable() -> None:
    Path("file").touch()
    with pytest.raises(OSError, match=r"file.*--out"):
        released("file/run")
