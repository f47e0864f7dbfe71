"""Layers of the fully connected network."""

from typing import Any

import pytest
import torch
from torch import nn

from lr_lightning.networks import MLP


@pytest.mark.parametrize("variational", [True, False])
def test_decoder_has_the_widths_of_the_encoder_in_reverse(variational: bool) -> None:
    network = MLP(3, (1, 4, 5), widths=(8, 7), activation=nn.Tanh, variational=variational)
    outputs = 6 if variational else 3
    encoder = [(m.in_features, m.out_features) for m in network.encoder.modules() if isinstance(m, nn.Linear)]
    decoder = [(m.in_features, m.out_features) for m in network.decoder.modules() if isinstance(m, nn.Linear)]
    assert encoder == [(20, 8), (8, 7), (7, outputs)]
    assert decoder == [(3, 7), (7, 8), (8, 20)]


def test_no_activation_after_the_last_layer() -> None:
    network = MLP(2, (3,), widths=(4,), activation=nn.Tanh)
    (first, first_bias, last, last_bias) = (p.detach() for p in network.encoder.parameters())
    points = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    # Round-off of sums of at most four numbers of order 1.
    expected = (points @ first.T + first_bias).tanh() @ last.T + last_bias
    torch.testing.assert_close(network.encoder(points), expected, rtol=0, atol=1e-6)


def test_without_hidden_layers_is_linear() -> None:
    network = MLP(2, (3,), widths=())
    assert len(list(network.parameters())) == 4
    x, y, origin = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[-2.0, 0.5, 1.0]]), torch.zeros(1, 3)
    f = network.encoder
    torch.testing.assert_close(f(x + y) + f(origin), f(x) + f(y), rtol=0, atol=1e-6)  # round-off of order 1


def test_default_is_the_network_of_the_double_helix() -> None:
    # 3-32-32-32-32-4 and back from 2, with biases.
    assert sum(p.numel() for p in MLP().parameters()) == 4 * 32 + 3 * 33 * 32 + 33 * 4 + 3 * 32 + 3 * 33 * 32 + 33 * 3
    assert sum(isinstance(m, nn.ELU) for m in MLP().modules()) == 8


def test_decoder_options() -> None:
    network = MLP(10, (1, 8, 8), (20, 30), nn.ReLU, decoder_widths=(30, 40, 50), decoder_activation=nn.Tanh)
    sizes = [[tuple(p.shape) for p in part.parameters()][::2] for part in (network.encoder, network.decoder)]
    assert sizes == [[(20, 64), (30, 20), (20, 30)], [(30, 10), (40, 30), (50, 40), (64, 50)]]
    assert [sum(isinstance(m, nn.ReLU) for m in part.modules()) for part in (network.encoder, network.decoder)] == [
        2,
        0,
    ]
    assert [sum(isinstance(m, nn.Tanh) for m in part.modules()) for part in (network.encoder, network.decoder)] == [
        0,
        3,
    ]


def test_can_be_the_fully_connected_network_of_the_study() -> None:
    network = MLP(10, (1, 64, 64), (1200, 1200), nn.ReLU, (1200, 1200, 1200), nn.Tanh)
    encoder = 4097 * 1200 + 1201 * 1200 + 1201 * 20
    decoder = 11 * 1200 + 2 * 1201 * 1200 + 1201 * 4096
    assert sum(p.numel() for p in network.parameters()) == encoder + decoder


def test_keeps_the_shape_of_observations() -> None:
    network = MLP(2, [3, 8, 8], widths=(4,))
    assert network.decoder(torch.zeros(5, 2)).shape == (5, 3, 8, 8)
    assert network.observation_shape == (3, 8, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": (32, 0)}, r"^widths.*\(32, 0\)"),
        ({"decoder_widths": (-1,)}, r"^decoder_widths.*\(-1,\)"),
        ({"observation_shape": (3, -1)}, r"^observation_shape.*\(3, -1\)"),
    ],
)
def test_rejects_empty_layers(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MLP(2, **options)
