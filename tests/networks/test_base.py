"""The base of all networks: shape checks and the meaning of the encoder's output."""

from typing import Any, Literal

import pytest
import torch
from torch import nn

from lr_lightning.networks import MLP, NETWORKS, AutoencoderNetwork, Conv64Burgess, Conv64Leeb, Conv64Locatello


def make(scale: Literal["log_variance", "log_std"]) -> AutoencoderNetwork:
    """Return a network whose encoder gives the observation itself: two means, then two scales."""
    return AutoencoderNetwork(nn.Identity(), nn.Identity(), latent_dim=2, observation_shape=(4,), scale=scale)


@pytest.mark.parametrize(("scale", "factor"), [("log_variance", 1.0), ("log_std", 2.0)])
def test_posterior_is_given_as_log_variances(scale: Literal["log_variance", "log_std"], factor: float) -> None:
    means, log_variances = make(scale).posterior_parameters(torch.tensor([[1.0, 2.0, 3.0, -4.0]]))
    assert means.tolist() == [[1.0, 2.0]]
    assert log_variances.tolist() == [[factor * 3.0, factor * -4.0]]


@pytest.mark.parametrize("variational", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("network_class", [Conv64Burgess, Conv64Leeb, Conv64Locatello])
def test_convolutional_networks_map_images_to_codes_and_back(
    network_class: type[Conv64Burgess | Conv64Leeb | Conv64Locatello], channels: int, variational: bool
) -> None:
    network = network_class(latent_dim=5, channels=channels, variational=variational)
    images = torch.rand(2, channels, 64, 64)
    if variational:
        assert [x.shape for x in network.posterior_parameters(images)] == [(2, 5), (2, 5)]
    else:
        assert network.codes(images).shape == (2, 5)
    assert network.decoder(torch.zeros(2, 5)).shape == images.shape
    assert (network.latent_dim, network.observation_shape) == (5, (channels, 64, 64))
    assert network.variational is variational


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "GroupedNetwork"])
def test_decoders_output_several_parameters_per_value(name: str) -> None:
    network_class: Any = NETWORKS[name]
    single, several = network_class(), network_class(parameters_per_value=6)
    channels, *sides = single.observation_shape
    codes = torch.zeros(2, single.latent_dim)
    assert single.decode(codes).shape == (2, channels, *sides)
    assert several.decode(codes).shape == (2, 6 * channels, *sides)
    assert (single.parameters_per_value, several.parameters_per_value) == (1, 6)
    assert several.observation_shape == single.observation_shape
    with pytest.raises(ValueError, match=r"parameters_per_value.*-1"):
        network_class(parameters_per_value=-1)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_inputs_take_the_precision_of_the_weights(dtype: torch.dtype) -> None:
    network = MLP(2, (3,), widths=(4,)).to(dtype)
    observations = torch.rand(5, 3, generator=torch.Generator().manual_seed(0))
    means, _ = network.posterior_parameters(observations)
    assert torch.equal(network.codes(observations), network.encoder(observations.to(dtype)))
    assert (means.dtype, network.decode(means.float()).dtype) == (dtype, dtype)


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (Conv64Leeb(channels=3), (1, 64, 64)),
        (Conv64Leeb(channels=1), (1, 32, 32)),
        (Conv64Burgess(channels=3), (3, 64, 63)),
        (Conv64Locatello(channels=1), (1, 32, 64)),
        (MLP(observation_shape=(3,)), (4,)),
        (MLP(observation_shape=(3, 8, 8)), (3, 64)),  # as many numbers, in another shape
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, nn.Module) else str(x),
)
def test_rejects_observations_of_another_shape(network: AutoencoderNetwork, shape: tuple[int, ...]) -> None:
    message = rf"{type(network).__name__} .*\({network.observation_shape[0]},.*\({shape[0]},"
    with pytest.raises(ValueError, match=message):
        network.posterior_parameters(torch.zeros(2, *shape))
    with pytest.raises(ValueError, match=message):
        network.codes(torch.zeros(2, *shape))


@pytest.mark.parametrize("latent_dim", [0, -1])
@pytest.mark.parametrize("network_class", [MLP, Conv64Burgess, Conv64Leeb, Conv64Locatello])
def test_rejects_no_latents(
    network_class: type[MLP | Conv64Burgess | Conv64Leeb | Conv64Locatello], latent_dim: int
) -> None:
    with pytest.raises(ValueError, match=rf"latent_dim.*{latent_dim}"):
        network_class(latent_dim)
    with pytest.raises(ValueError, match=rf"latent_dim.*{latent_dim}"):
        AutoencoderNetwork(nn.Identity(), nn.Identity(), latent_dim, (3,))


@pytest.mark.parametrize("network_class", [Conv64Burgess, Conv64Leeb, Conv64Locatello])
def test_rejects_no_channels(network_class: type[Conv64Burgess | Conv64Leeb | Conv64Locatello]) -> None:
    with pytest.raises(ValueError, match=r"channels.*\b0"):
        network_class(channels=0)
