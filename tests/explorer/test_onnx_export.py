"""Every model and network is exported, and computes what PyTorch computes."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lr_lightning import networks
from lr_lightning.assays import WrappedAutoencoder, wrap
from lr_lightning.explorer import onnx_export
from lr_lightning.explorer.onnx_export import export_onnx, missing_packages
from lr_lightning.losses import DiscretizedLogisticMixture, Gaussian, Likelihood
from lr_lightning.models import QLAE, Autoencoder, AutoencoderModule, BetaVAE
from lr_lightning.networks import NETWORKS, AutoencoderNetwork
from lr_lightning.onnx import comparison, packages
from lr_lightning.testing.tiny_runs import tiny_model
from tests.explorer.explored import lively
from tests.extras import needs
from tests.models.zoo import MODELS, make

pytestmark = needs("onnx", "onnxruntime", "onnxscript")

NETWORKS_BY_NAME: dict[str, Callable[..., AutoencoderNetwork]] = {
    "MLP": partial(networks.MLP, 4, (3,)),
    "Conv32": partial(networks.Conv32, 4, channels=1),
    "Conv64Burgess": partial(networks.Conv64Burgess, 6, channels=3),
    "Conv64Leeb": partial(networks.Conv64Leeb, 6),
    "Conv64Locatello": partial(networks.Conv64Locatello, 6, channels=1),
    "LadderConv64": partial(networks.LadderConv64, 6, num_groups=3),
    "StructuralConv64": partial(networks.StructuralConv64, 6, num_groups=6),
    "ResidualConv": partial(networks.ResidualConv, 4, image_size=(32, 48)),
    "TorchvisionEncoder": partial(networks.TorchvisionEncoder, 4, image_size=32, channels=1),
}
LIKELIHOODS: dict[str, Likelihood] = {
    "Gaussian": Gaussian(),
    "DiscretizedLogisticMixture": DiscretizedLogisticMixture(3),
}


def codes(model: AutoencoderModule, count: int = 6) -> Tensor:
    return 1.5 * torch.randn(count, model.latent_dim, generator=torch.Generator().manual_seed(3))


def run_exported(exported: bytes, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return observations and responses of codes, computed by ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    assert [node.name for node in session.get_inputs()] == ["code"]
    assert [node.name for node in session.get_outputs()] == ["observation", "response"]
    found = [session.run(None, {"code": code[None].numpy()}) for code in inputs]
    observations, responses = ([torch.from_numpy(each[place]) for each in found] for place in range(2))
    return torch.cat(observations), torch.cat(responses)


def assert_exported(model: AutoencoderModule) -> None:
    """Check an exported model against PyTorch, at codes that it decodes and encodes differently."""
    inputs = codes(model)
    observations, responses = run_exported(export_onnx(model, inputs[:2]), inputs)
    with torch.no_grad():
        decoded = model.decode(inputs)
        expected = model.response(inputs)
    assert observations.shape == decoded.shape == (len(inputs), *model.observation_shape)
    assert decoded.std(dim=0).max() > 0.01  # otherwise, any constant would pass
    assert expected.std(dim=0).max() > 0.01
    assert (observations - decoded).abs().max() <= 1e-4
    if isinstance(model, QLAE):
        with torch.no_grad():
            distances = (model.network.codes(decoded)[:, :, None] - model.codebook).abs().sort(dim=2).values
        decided = distances[:, :, 1] - distances[:, :, 0] > 1e-4
        assert decided.float().mean() > 0.9
        assert (responses - expected)[decided].abs().max() <= 1e-6  # exact values of the codebook
    else:
        assert (responses - expected).abs().max() <= 1e-4 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_exported(name: str) -> None:
    assert_exported(lively(make(name)))


def test_all_networks_are_tested() -> None:
    assert set(NETWORKS_BY_NAME) | {"GroupedNetwork"} == set(NETWORKS.entries)  # a base, which grouped models have


@pytest.mark.parametrize("variational", [True, False])
@pytest.mark.parametrize("name", NETWORKS_BY_NAME)
def test_every_network_is_exported(name: str, variational: bool) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = NETWORKS_BY_NAME[name](variational=variational)
        model = BetaVAE(network) if variational else Autoencoder(network)
    assert_exported(lively(model, 2.0 if "Conv" in name else 1.7))


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_every_kind_of_decoder_output_is_exported(name: str) -> None:
    likelihood = LIKELIHOODS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = networks.MLP(4, (3, 8, 8), (32,), parameters_per_value=likelihood.parameters_per_value)
        model = BetaVAE(network, likelihood=likelihood)
    assert_exported(lively(model, 3.0))


def test_networks_that_are_compiled_for_training_are_exported() -> None:
    def compiler(*_: object) -> Callable[..., Any]:
        raise AssertionError("compiled just for the export")

    model = lively(tiny_model(), 3.0)
    model.network.encoder.compile(backend=compiler)
    model.network.decoder.compile(backend=compiler)
    inputs = codes(model)
    exported = export_onnx(model, inputs[:2])
    expected = lively(tiny_model(), 3.0)
    with torch.no_grad():
        assert (run_exported(exported, inputs)[1] - expected.response(inputs)).abs().max() <= 1e-4


def test_the_model_stays_as_it_is() -> None:
    model = lively(tiny_model(), 3.0).train()
    before = {name: (id(value), value.clone()) for name, value in model.named_parameters()}
    state = torch.get_rng_state()
    first = export_onnx(model, codes(model, 2))
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)
    after = dict(model.named_parameters())
    assert all(
        id(after[name]) == number and torch.equal(after[name], value) for name, (number, value) in before.items()
    )
    model.training_objective((torch.rand(4, 3, 8, 8),), torch.Generator()).loss.backward()  # type: ignore[no-untyped-call]  # gradients still flow
    assert all(value.grad is not None for value in model.parameters())
    assert export_onnx(model, codes(model, 2)) == first  # the same bytes


def test_models_that_are_no_modules_are_exported() -> None:
    encoder, decoder = nn.Linear(5, 2), nn.Linear(2, 5)
    model = wrap(encode=lambda x: (encoder(x), torch.zeros(len(x), 2)), decode=decoder, latent_dim=2)
    inputs = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    observations, responses = run_exported(export_onnx(model, inputs), inputs)
    with torch.no_grad():
        assert (observations - decoder(inputs)).abs().max() <= 1e-6
        assert (responses - encoder(decoder(inputs))).abs().max() <= 1e-6


def test_no_paths_of_this_machine_are_part_of_it() -> None:
    exported = export_onnx(lively(tiny_model()), torch.zeros(1, 3))
    for path in (Path(torch.__file__).parents[1], Path(onnx_export.__file__).parents[2], Path(sys.prefix)):
        assert str(path).encode() not in exported
    assert b".py" not in exported


def test_an_operator_without_onnx_form_is_named() -> None:
    model = wrap(encode=lambda x: x[:, :2], decode=lambda z: torch.special.airy_ai(z).repeat(1, 2), latent_dim=2)
    with pytest.raises(ValueError, match=r"operator aten\.special_airy_ai.*--live"):
        export_onnx(model, torch.zeros(1, 2))


def test_control_flow_that_depends_on_values_is_refused() -> None:
    model = wrap(encode=lambda x: x, decode=lambda z: z if z.sum() > 0 else -z, latent_dim=2)
    with pytest.raises(ValueError, match=r"cannot be exported to ONNX: .*--live"):
        export_onnx(model, torch.zeros(1, 2))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_weights_of_other_precision_are_refused(dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=f"float32.*{dtype}.*--live"):
        export_onnx(tiny_model().to(dtype), torch.zeros(1, 3))


def test_an_export_that_computes_other_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = lively(tiny_model(), 3.0)
    other = lively(tiny_model(), 3.1)
    exported = export_onnx(other, codes(other, 1))
    monkeypatch.setattr(onnx_export, "to_onnx", lambda *_: exported)
    with pytest.raises(ValueError, match=r"observation.*differs.*--live"):
        export_onnx(model, codes(model, 1))


def test_it_is_compared_in_float64_where_pytorch_is_inexact(monkeypatch: pytest.MonkeyPatch) -> None:
    # In float32, PyTorch's group norm of channels-last images is off by more than the tolerance at this size
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BetaVAE(
            network=networks.ResidualConv(3, image_size=(128, 128), channels=3, widths=[8, 8, 8], hidden_units=[8])
        )
    given = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    export_onnx(model, given)
    monkeypatch.setattr(comparison, "_exact", lambda *_: None)
    with pytest.raises(ValueError, match=r"response.*differs"):
        export_onnx(model, given)


def test_a_diverged_model_is_refused() -> None:
    model = tiny_model()
    next(model.network.decoder.parameters()).data.fill_(torch.nan)
    with pytest.raises(ValueError, match="not finite"):
        export_onnx(model, torch.zeros(1, 3))


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_packages() is None
    monkeypatch.setattr(packages, "PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(ModuleNotFoundError, match=r"no_such_package: pip install 'lr-lightning\[explore\]'.*--live"):
        export_onnx(tiny_model(), torch.zeros(1, 3))


def test_responses_at_a_jump_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two values of a quantized latent, round-off decides."""

    def quantized(shift: float) -> WrappedAutoencoder:
        return wrap(encode=lambda x: (x + shift).round(), decode=lambda z: 2 * z, latent_dim=1)

    exported = export_onnx(quantized(0.0), torch.zeros(1, 1))
    monkeypatch.setattr(onnx_export, "to_onnx", lambda *_: exported)
    export_onnx(quantized(1e-7), torch.tensor([[0.25 - 2.5e-8]]))  # on the edge for one of them
    with pytest.raises(ValueError, match="response"):
        export_onnx(quantized(0.2), torch.tensor([[0.2]]))
