"""Codes are saved with the factors of the same observations."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from lr_lightning.callbacks import CodeFiles
from lr_lightning.data.loading.batch_loader import BatchLoader
from lr_lightning.models import Autoencoder, SeedEnsemble
from lr_lightning.networks import MLP
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer
from tests.arrays import read_arrays
from tests.callbacks.run.code_files_run import RUNS
from tests.conftest import Bars


@pytest.mark.parametrize(("limit", "num_rows"), [(None, 48), (2, 10), (0.5, 25)])
def test_rows_belong_together(limit: float | None, num_rows: int, tmp_path: Path) -> None:
    model = tiny_model()
    trainer = tiny_trainer(tmp_path, CodeFiles(tmp_path), limit_predict_batches=limit)
    trainer.predict(model, datamodule=tiny_data(Bars()), return_predictions=False)
    with np.load(tmp_path / "codes.npz", allow_pickle=False) as found:
        indices = torch.from_numpy(found["indices"])
        posterior = model.encode(Bars().images(indices).float() / 255)
        assert len(set(indices.tolist())) == num_rows
        np.testing.assert_array_equal(found["factors"], Bars().factors(indices))
        np.testing.assert_allclose(found["codes"], posterior.mean.detach(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found["log_variances"], 2 * posterior.stddev.detach().log(), rtol=1e-4, atol=1e-5)


def test_two_processes_write_what_one_writes(tmp_path: Path) -> None:
    environment = os.environ | {"MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": "1", "PL_DISABLE_FORK": "1"}
    command = [sys.executable, str(Path(__file__).with_name("code_files_run.py")), str(tmp_path / "two")]
    with (tmp_path / "log.txt").open("w") as log:  # a file: a pipe could be held open by a process left behind
        code = subprocess.run(command, env=environment, stdout=log, stderr=log, timeout=240).returncode
    assert code == 0, (tmp_path / "log.txt").read_text()
    for (name, test_size, limit, codes), num_rows in zip(RUNS, (13, 20, 20), strict=True):
        files, batches = CodeFiles(tmp_path / name, codes=codes), None if limit is None else 2 * limit
        trainer = tiny_trainer(tmp_path, files, limit_predict_batches=batches)
        trainer.predict(tiny_model(), datamodule=tiny_data(Bars(), test_size=test_size), return_predictions=False)
        one, two = (read_arrays(folder / name / "codes.npz") for folder in (tmp_path, tmp_path / "two"))
        assert one["codes"].shape == (num_rows, 3)
        described = "log_variances" if codes == "mean" else "sample_seed"
        assert one.keys() == two.keys() == {"codes", described, "factors", "indices"}
        for key, rows in one.items():
            np.testing.assert_allclose(two[key], rows, rtol=1e-4, atol=1e-5)


def test_each_seed_has_a_file(tmp_path: Path) -> None:
    members = [tiny_model(2), tiny_model(3)]
    trainer = tiny_trainer(tmp_path, CodeFiles(tmp_path, [4, 7]), limit_predict_batches=1)
    trainer.predict(SeedEnsemble(members, [4, 7]), datamodule=tiny_data(Bars()), return_predictions=False)
    for seed, latents in ((4, 2), (7, 3)):
        with np.load(tmp_path / f"codes_seed_{seed}.npz", allow_pickle=False) as found:
            assert found["codes"].shape == (5, latents)
            assert found["factors"].shape == (5, 3)


def test_nothing_to_encode_is_an_error(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, CodeFiles(tmp_path))
    callback = trainer.callbacks[0]  # type: ignore[attr-defined]
    callback.on_predict_start(trainer, tiny_model())
    with pytest.raises(ValueError, match="limit_predict_batches"):
        callback.on_predict_epoch_end(trainer, tiny_model())
    assert not (tmp_path / "codes.npz").exists()


def predicted(folder: Path, indices: list[int] | None = None, **options: Any) -> dict[str, np.ndarray]:
    trainer, data = tiny_trainer(folder, CodeFiles(folder, **options)), tiny_data(Bars())
    if indices is not None:
        data.predict_dataloader = lambda: BatchLoader(Bars(), torch.tensor(indices), 3)  # type: ignore[method-assign]
    trainer.predict(tiny_model(), datamodule=data, return_predictions=False)
    return read_arrays(folder / "codes.npz")


def test_samples_depend_on_seed_and_observation_alone(tmp_path: Path) -> None:
    means = predicted(tmp_path)
    samples = predicted(tmp_path, codes="sample", sample_seed=3)
    assert samples.keys() == {"codes", "factors", "indices", "sample_seed"}
    assert samples["sample_seed"] == 3
    assert samples["codes"].dtype == np.float32
    noise = (samples["codes"] - means["codes"]) / np.exp(means["log_variances"] / 2)
    assert kstest(noise.ravel(), "norm").pvalue > 1e-3  # of 144 values
    some = predicted(tmp_path, [9, 2, 40, 3], codes="sample", sample_seed=3)  # in other batches and another order
    rows = [samples["indices"].tolist().index(index) for index in (9, 2, 40, 3)]
    np.testing.assert_allclose(some["codes"], samples["codes"][rows], rtol=1e-4, atol=1e-5)
    other = predicted(tmp_path, codes="sample", sample_seed=4)
    assert not np.isclose(other["codes"], samples["codes"]).any()


def test_deterministic_codes_are_not_sampled(tmp_path: Path) -> None:
    network = MLP(2, (3, 8, 8), variational=False)
    trainer = tiny_trainer(tmp_path, CodeFiles(tmp_path, codes="sample"))
    with pytest.raises(ValueError, match="codes='sample' needs log-variances"):
        trainer.predict(Autoencoder(network), datamodule=tiny_data(Bars()))
    assert not (tmp_path / "codes.npz").exists()


@pytest.mark.parametrize(
    ("options", "message"), [({"codes": "x"}, "codes .*'x'"), ({"sample_seed": -1}, "sample_seed")]
)
def test_wrong_arguments(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        CodeFiles(tmp_path, **options)
