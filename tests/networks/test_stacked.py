"""Stacked networks compute what the separate networks compute, up to round-off."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lr_lightning.networks import MLP
from lr_lightning.networks.burgess import BurgessNetwork
from lr_lightning.networks.stacked import StackedNetwork

MEMBERS, BATCH = 3, 5


def check_equal(make: Callable[[], nn.Sequential], *shape: int) -> None:
    """Compare outputs and gradients of stacked and separate networks in float64, whose round-off is 1e-16."""
    torch.manual_seed(0)
    networks = [make().double() for _ in range(MEMBERS)]
    stacked = StackedNetwork(networks)
    inputs = torch.randn(MEMBERS, BATCH, *shape, dtype=torch.float64)
    apart, together = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()
    expected = torch.stack([network(own) for network, own in zip(networks, apart, strict=True)])
    found = stacked(together)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)
    weights = torch.randn(found.shape, dtype=torch.float64)
    torch.autograd.backward([(expected * weights).sum(), (found * weights).sum()])
    assert apart.grad is not None
    torch.testing.assert_close(together.grad, apart.grad, rtol=1e-10, atol=1e-11)
    for index, network in enumerate(networks):
        own = dict(network.named_parameters())
        assert own.keys() == stacked.state_dict_of(index).keys()
        for name, parameter in stacked.named_parameters():
            gradient, value = own[name.removeprefix("layers.")].grad, own[name.removeprefix("layers.")]
            assert torch.equal(parameter[index], value)
            assert parameter.grad is not None
            torch.testing.assert_close(parameter.grad[index], gradient, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("channels", [1, 3])
def test_encoder_and_decoder_of_burgess(channels: int) -> None:
    def part(name: str) -> Callable[[], nn.Sequential]:
        return lambda: getattr(BurgessNetwork(2, 4, channels, variational=True), name)

    check_equal(part("encoder"), channels, 16, 16)
    check_equal(part("decoder"), 4)


def test_a_perceptron() -> None:
    check_equal(lambda: MLP(3, (7,), widths=(9, 8)).encoder, 7)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3},
        {"kernel_size": 4, "stride": 2, "padding": 1},
        {"kernel_size": (2, 5), "stride": (1, 3), "padding": (1, 0)},
        {"kernel_size": 3, "stride": 2, "bias": False},
    ],
)
def test_convolutions(options: dict[str, Any]) -> None:
    check_equal(lambda: nn.Sequential(nn.Conv2d(2, 4, **options)), 2, 9, 11)
    check_equal(lambda: nn.Sequential(nn.ConvTranspose2d(2, 4, **options)), 2, 5, 6)


def test_outputs_may_be_padded() -> None:
    check_equal(lambda: nn.Sequential(nn.ConvTranspose2d(2, 4, 3, 2, 1, output_padding=(1, 0))), 2, 5, 6)


def test_training_with_adam_is_that_of_each_member() -> None:
    torch.manual_seed(0)
    networks = [nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).double() for _ in range(MEMBERS)]
    stacked = StackedNetwork(networks)
    inputs = torch.randn(MEMBERS, BATCH, 4, dtype=torch.float64)

    def train(parameters: Any, outputs: Callable[[], Tensor]) -> None:
        optimizer = torch.optim.Adam(parameters, lr=1e-2)
        for _ in range(5):
            optimizer.zero_grad()
            outputs().square().sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    train(stacked.parameters(), lambda: stacked(inputs))
    for index, network in enumerate(networks):
        train(network.parameters(), lambda network=network, index=index: network(inputs[index]))  # type: ignore[misc]
        torch.testing.assert_close(stacked.state_dict_of(index), dict(network.state_dict()), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ((), ValueError, "networks"),
        (((nn.Linear(2, 3),), (nn.Linear(2, 4),)), ValueError, r"out_features=3.*out_features=4"),
        (((nn.Linear(2, 3),), (nn.ReLU(),)), TypeError, r"Linear.*ReLU"),
        (((nn.Linear(2, 3),), ()), ValueError, r"\[0, 1\]"),
        (((nn.Conv2d(2, 2, 3, groups=2),),), ValueError, r"groups=2"),
        (((nn.Conv2d(2, 2, 3, dilation=2),),), ValueError, r"dilation=\(2, 2\)"),
        (((nn.Conv2d(2, 2, 3, padding="same"),),), ValueError, r"padding=same"),
        (((nn.BatchNorm2d(2),),), TypeError, r"BatchNorm2d"),
    ],
)
def test_rejects_what_cannot_be_stacked(layers: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        StackedNetwork([nn.Sequential(*own) for own in layers])
