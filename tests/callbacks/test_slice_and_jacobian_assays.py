"""Response maps, Jacobians and decoder geometry in validation: what is logged and kept, and that training goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from lr_lightning.assays import Autoencoder
from lr_lightning.assays.decoder_geometry import decoder_geometry
from lr_lightning.assays.latent_slice import LatentSlice
from lr_lightning.assays.response_jacobian import response_jacobian
from lr_lightning.assays.response_map import response_map
from lr_lightning.callbacks import AssayCallback
from lr_lightning.callbacks.assays.decoder_geometry import DecoderGeometryAssay
from lr_lightning.callbacks.assays.response_jacobian import ResponseJacobianAssay
from lr_lightning.callbacks.assays.response_map import ResponseMapAssay
from tests.arrays import read_arrays
from tests.conftest import Bars
from tests.tiny_runs import tiny_data, tiny_model, tiny_trainer, weights


def three_assays() -> list[AssayCallback]:
    return [
        ResponseMapAssay(num_pairs=1, num_steps=5, num_images=3, num_samples=8),
        ResponseJacobianAssay(num_samples=4),
        DecoderGeometryAssay(num_samples=4, active_threshold=None),
    ]


def load(folder: Path, name: str) -> Any:
    (path,) = (folder / "assays").glob(f"{name}-*.npz")
    return read_arrays(path)


def test_scalars_figures_and_arrays(bars: Bars, tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, *three_assays(), max_epochs=1)
    trainer.fit(tiny_model(), datamodule=tiny_data(bars))
    logged = {key.removeprefix("assay/") for key in trainer.callback_metrics if key.startswith("assay/")}
    assert {key for key in logged if not key.endswith("/seconds")} == {
        "response_map/void_mass",
        "response_map/contracting_share",
        "response_jacobian/spectral_radius",
        "response_jacobian/operator_norm",
        "response_jacobian/divergence",
        "response_jacobian/rank",
        "response_jacobian/antisymmetric_share",
        "decoder_geometry/log_magnification",
        "decoder_geometry/condition_number",
        "decoder_geometry/off_diagonal_share",
        "decoder_geometry/num_latents",
    }
    figures = [path.name.rpartition("-")[0] for path in (tmp_path / "figures").iterdir()]
    assert len([name for name in figures if name.startswith("response_map-latents_")]) == 1
    assert {"response_jacobian-spectrum", "decoder_geometry-metric"} < set(figures)
    kept = {path.name.rpartition("-")[0] for path in (tmp_path / "assays").iterdir()}
    assert kept == {"response_map", "response_jacobian", "decoder_geometry"}


def test_weights_are_the_same_to_the_bit_with_and_without(
    bars: Bars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lr_lightning.callbacks.assay.save_figure", lambda *_: None)  # made, but not painted
    alone, watched = tiny_model(), tiny_model()
    tiny_trainer(tmp_path, max_epochs=2).fit(alone, datamodule=tiny_data(bars))
    tiny_trainer(tmp_path, *three_assays(), max_epochs=2).fit(watched, datamodule=tiny_data(bars))
    assert torch.equal(weights(alone), weights(watched))


def test_numbers_are_those_of_the_assays(bars: Bars, tmp_path: Path) -> None:
    model = tiny_model()
    assays = [ResponseMapAssay(pairs=[(2, 0)], num_steps=5, num_images=3), *three_assays()[1:]]
    [metrics] = tiny_trainer(tmp_path, *assays).test(model, datamodule=tiny_data(bars), verbose=False)
    kept = load(tmp_path, "response_jacobian")
    autoencoder = cast(Autoencoder, model)
    jacobian = response_jacobian(autoencoder, torch.from_numpy(kept["codes"]))
    assert metrics["assay/response_jacobian/divergence"] == pytest.approx(float(jacobian.divergence.mean()), rel=1e-5)
    np.testing.assert_allclose(kept["eigenvalues"], jacobian.eigenvalues)
    geometry = decoder_geometry(autoencoder, torch.from_numpy(load(tmp_path, "decoder_geometry")["codes"]))
    expected = float(geometry.log_magnification.median())
    assert metrics["assay/decoder_geometry/log_magnification"] == pytest.approx(expected, rel=1e-5)
    assert metrics["assay/decoder_geometry/num_latents"] == 3
    maps = load(tmp_path, "response_map")
    base = torch.from_numpy(kept["codes"])[:1]  # the same seed, so the same order of codes
    window = LatentSlice((2, 0))
    np.testing.assert_allclose(
        maps["latents_02_00_field"], response_map(autoencoder, base, window, num_steps=5).field, atol=1e-6
    )
    assert (tmp_path / "figures" / "response_map-latents_02_00-test.png").exists()


def test_windows_can_follow_the_codes(bars: Bars, tmp_path: Path) -> None:
    assay = ResponseMapAssay(pairs=[(0, 1)], radius=None, num_steps=3, num_images=2, num_bases=2)
    tiny_trainer(tmp_path, assay).test(tiny_model(), datamodule=tiny_data(bars), verbose=False)
    first, second = load(tmp_path, "response_map")["latents_00_01_values"]
    assert first[2] - first[0] == pytest.approx(second[2] - second[0])
    assert first[2] - first[0] != pytest.approx(4)


def test_passive_latents_are_left_out_of_the_geometry(bars: Bars, tmp_path: Path) -> None:
    model = tiny_model()
    with torch.no_grad():
        last = [layer for layer in model.network.encoder.modules() if isinstance(layer, torch.nn.Linear)][-1]
        last.weight[1] = 0  # the mean of latent 1
    tiny_trainer(tmp_path, DecoderGeometryAssay(num_samples=4, active_threshold=1e-9)).test(
        model, datamodule=tiny_data(bars), verbose=False
    )
    assert load(tmp_path, "decoder_geometry")["latents"].tolist() == [0, 2]
    folder = tmp_path / "all"
    tiny_trainer(folder, DecoderGeometryAssay(num_samples=4, active_threshold=1e9)).test(
        model, datamodule=tiny_data(bars), verbose=False
    )
    assert load(folder, "decoder_geometry")["latents"].tolist() == [0, 1, 2]


def test_models_without_the_latents_are_refused_at_the_start(bars: Bars, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a response map needs latent 3, but the model has 3"):
        tiny_trainer(tmp_path, ResponseMapAssay(pairs=[(0, 1), (1, 3)])).fit(tiny_model(), datamodule=tiny_data(bars))
    with pytest.raises(ValueError, match="a response map needs latent 1, but the model has 1"):
        tiny_trainer(tmp_path, ResponseMapAssay()).fit(tiny_model(1), datamodule=tiny_data(bars))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ResponseMapAssay(pairs=[]), "pairs .*\\[\\]"),
        (lambda: ResponseMapAssay(pairs=[(1, 1)]), "latents must be two different ones"),
        (lambda: ResponseMapAssay(num_pairs=0), "num_pairs must be at least 1, got 0"),
        (lambda: ResponseMapAssay(num_steps=2), "num_steps must be at least 3, got 2"),
        (lambda: ResponseMapAssay(num_bases=0), "num_bases must be at least 1"),
        (lambda: ResponseMapAssay(num_images=1), "num_images must be at least 2"),
        (lambda: ResponseMapAssay(num_samples=1), "num_samples must be at least 2"),
        (lambda: ResponseMapAssay(radius=0.0), "radius must be positive, got 0.0"),
        (lambda: ResponseJacobianAssay(num_samples=0), "num_samples .*0"),
        (lambda: ResponseJacobianAssay(threshold=0.0), "threshold .*0.0"),
        (lambda: DecoderGeometryAssay(num_samples=0), "num_samples must be at least 1, got 0"),
        (lambda: DecoderGeometryAssay(active_threshold=-1.0), "active_threshold .*-1"),
    ],
)
def test_rejects(make: Callable[[], AssayCallback], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
