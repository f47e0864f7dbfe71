"""Encoder and decoder as ONNX compute what the model computes, for any batch size."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

import lr_lightning as lr
from lr_lightning import networks
from lr_lightning.assays.protocol import posterior_mean
from lr_lightning.losses import DiscretizedLogisticMixture
from lr_lightning.models import Autoencoder, AutoencoderModule, BetaVAE
from lr_lightning.onnx import packages
from lr_lightning.runs.sharing import onnx_files
from lr_lightning.runs.sharing.export import FILES
from lr_lightning.runs.sharing.onnx_files import write_onnx
from lr_lightning.testing.tiny_runs import tiny_model
from tests.explorer.explored import lively
from tests.extras import needs
from tests.models.zoo import make
from tests.runs.process_state import changes, process_state
from tests.runs.tiny import TINY

pytestmark = needs("onnx", "onnxruntime", "onnxscript")

AIRY = "tests.runs.sharing.airy.Airy"


def _mixture() -> AutoencoderModule:
    likelihood = DiscretizedLogisticMixture(2)
    network = networks.MLP(3, (3, 8, 8), (16,), parameters_per_value=likelihood.parameters_per_value)
    return BetaVAE(network, likelihood=likelihood)


CASES: dict[str, Callable[[], AutoencoderModule]] = {
    "points": lambda: BetaVAE(networks.MLP(2, (3,), (16,))),
    "mixture": _mixture,
    "quantized": partial(make, "qlae"),
    "convolutions": lambda: BetaVAE(networks.Conv32(4, channels=1)),
    "ladder": lambda: BetaVAE(networks.LadderConv64(6, num_groups=3)),
    "structural": lambda: Autoencoder(networks.StructuralConv64(6, num_groups=6, variational=False)),
    "factor_vae": partial(make, "factor_vae"),
}


def case(name: str) -> AutoencoderModule:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return lively(CASES[name](), 1.5)


def computed(path: Path, **inputs: Tensor) -> dict[str, Tensor]:
    """Return outputs by name, as any user of ONNX Runtime gets them."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    return {output.name: torch.from_numpy(value) for output, value in zip(session.get_outputs(), found, strict=True)}


@pytest.mark.parametrize("name", CASES)
def test_it_computes_what_the_model_computes(name: str, tmp_path: Path) -> None:
    model = case(name)
    encoder, decoder = write_onnx(model, tmp_path)
    generator = torch.Generator().manual_seed(1)
    for size in (1, 3, 33):  # more than one pass of images on a CPU
        codes = torch.randn(size, model.latent_dim, generator=generator)
        with torch.no_grad():
            observations = model.decode(codes)
            posterior = model.encode(observations)
        found = computed(tmp_path / "decoder.onnx", code=codes)
        assert found.keys() == decoder.differences.keys() == {"observation"}
        torch.testing.assert_close(found["observation"], observations, rtol=1e-4, atol=1e-4)
        found = computed(tmp_path / "encoder.onnx", observation=observations)
        assert found.keys() == encoder.differences.keys()
        if isinstance(posterior, Normal):
            assert list(found) == ["code", "log_variance"]
            torch.testing.assert_close(found["code"], posterior.mean, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close((found["log_variance"] / 2).exp(), posterior.stddev, rtol=1e-4, atol=1e-4)
        else:
            assert list(found) == ["code"]
            same = (found["code"] - posterior).abs() < 1e-4
            assert same.float().mean() > (0.95 if name == "quantized" else 0.999)
    assert observations.std(dim=0).max() > 0.01  # otherwise, any constant would pass
    code, observation = (model.latent_dim,), model.observation_shape
    assert encoder.shapes == {"observation": observation} | dict.fromkeys(encoder.differences, code)
    assert decoder.shapes == {"code": code, "observation": observation}
    assert all(0 <= value <= 1e-4 for file in (encoder, decoder) for value in file.differences.values())


def test_the_model_stays_as_it_is_and_the_files_are_the_same_again(tmp_path: Path) -> None:
    model = tiny_model().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    write_onnx(model, tmp_path / "first")
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    write_onnx(model, tmp_path / "second")
    for name in onnx_files.ONNX_FILES:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_other_values_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_onnx(lively(tiny_model(), 2.0), tmp_path)
    other = (tmp_path / "decoder.onnx").read_bytes()
    monkeypatch.setattr(onnx_files, "to_onnx", lambda *_, **__: other)
    with pytest.raises(ValueError, match=r"observation of the exported decoder differs.*without --onnx"):
        write_onnx(lively(tiny_model(), 2.1), tmp_path / "empty")
    assert not (tmp_path / "empty").exists()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> lr.Run:
    return lr.fit("helix", TINY, folder=tmp_path_factory.mktemp("runs") / "run", quiet=True)


def test_an_exported_folder_with_onnx_is_the_same_model(run: lr.Run, tmp_path: Path) -> None:
    plain = run.export(tmp_path / "plain")
    state = process_state()
    shared = run.export(tmp_path / "shared", onnx=True)
    assert changes(state) == []
    assert {path.name for path in plain.iterdir()} == set(FILES)
    assert {path.name for path in shared.iterdir()} == {*FILES, "encoder.onnx", "decoder.onnx"}
    for name in ("config.yaml", "results.json"):
        assert (shared / name).read_bytes() == (plain / name).read_bytes()
    model, other = lr.load_run(shared).model(), lr.load_run(plain).model()
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in model.state_dict().items())
    images = torch.rand(5, 3, generator=torch.Generator().manual_seed(0))
    assert isinstance(model, AutoencoderModule)
    with torch.no_grad():
        expected = model.encode(images)
    assert isinstance(expected, Normal)
    torch.testing.assert_close(computed(shared / "encoder.onnx", observation=images)["code"], expected.mean)
    run.export(shared, overwrite=True)
    assert {path.name for path in shared.iterdir()} == set(FILES)


def test_the_snippet_of_the_card_runs(run: lr.Run, tmp_path: Path) -> None:
    shared = run.export(tmp_path / "shared", onnx=True)  # beside the working folder's files
    [section] = (shared / "README.md").read_text().split("## How to run it without PyTorch")[1:]
    code = section.split("```python\n")[1].split("```")[0]
    assert len([line for line in code.splitlines() if line]) == 5
    names: dict[str, Any] = {"observations": np.random.default_rng(0).random((4, 3), dtype=np.float32)}
    exec(code, names)
    model = run.model()
    assert isinstance(model, AutoencoderModule)
    with torch.no_grad():
        means = posterior_mean(model.encode(torch.from_numpy(names["observations"])))
        assert np.allclose(names["code"], means, atol=1e-5)
        assert np.allclose(names["reconstructions"], model.decode(means), atol=1e-5)


@pytest.fixture(scope="module")
def unexportable(tmp_path_factory: pytest.TempPathFactory) -> lr.Run:
    values = TINY | {"model.network.activation": AIRY}
    return lr.fit("helix", values, folder=tmp_path_factory.mktemp("runs") / "run", quiet=True)


@pytest.mark.parametrize("overwrite", [True, False])
def test_what_cannot_be_exported_leaves_nothing_half_written(
    run: lr.Run, unexportable: lr.Run, tmp_path: Path, overwrite: bool
) -> None:
    if overwrite:
        run.export(tmp_path / "shared", license="former")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    message = r"decoder.*special_airy_ai, which network\.decoder\.1 \(Airy\) uses; export without --onnx"
    with pytest.raises(ValueError, match=message):
        unexportable.export(tmp_path / "shared", onnx=True, overwrite=overwrite)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["shared"] * overwrite
    assert lr.load_run(unexportable.export(tmp_path / "shared", overwrite=overwrite)).is_exported  # without ONNX


def test_missing_packages_are_named(run: lr.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "PACKAGES", ("no_such_package",))
    with pytest.raises(ModuleNotFoundError, match=r"no_such_package: pip install 'lr-lightning\[explore\]'.*--onnx"):
        run.export(tmp_path / "shared", onnx=True)
    assert not (tmp_path / "shared").exists()
