"""Groups of latents act at successive depths, coarsest first, and nowhere else."""

from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from lr_lightning.networks import MLP, GroupedNetwork, LadderConv64, StructuralConv64
from lr_lightning.networks.grouped import GroupedDecoder, check_grouped_network

CLASSES = [StructuralConv64, LadderConv64]
SIDES = [2, 2, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32]  # of the features before each of twelve convolutions


def make(network_class: Any, num_groups: int, **options: Any) -> GroupedNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return cast(GroupedNetwork, network_class(12, num_groups, **options))


def features_at_each_depth(network: GroupedNetwork, codes: Tensor) -> list[Tensor]:
    """Return what each injection is given and returns, and what the decoder returns, in that order."""
    seen: list[Tensor] = []
    decoder = cast(GroupedDecoder, network.decoder)
    hooks = [
        injection.register_forward_hook(lambda _, inputs, output: seen.extend([inputs[0], output]))
        for injection in decoder.injections
    ]
    with torch.no_grad():
        output = network.decode(codes)
    for hook in hooks:
        hook.remove()
    return [*seen, output]


@pytest.mark.parametrize("num_groups", [1, 2, 3, 4, 6, 12])
@pytest.mark.parametrize(("channels", "variational"), [(1, True), (3, False)])
@pytest.mark.parametrize("network_class", CLASSES)
def test_map_images_to_codes_and_back(network_class: Any, channels: int, variational: bool, num_groups: int) -> None:
    network = make(network_class, num_groups, channels=channels, variational=variational)
    images = torch.rand(2, channels, 64, 64)
    if variational:
        assert [x.shape for x in network.posterior_parameters(images)] == [(2, 12), (2, 12)]
    else:
        assert network.codes(images).shape == (2, 12)
    assert network.decode(torch.zeros(2, 12)).shape == images.shape
    assert (network.latent_dim, network.num_groups, network.variational) == (12, num_groups, variational)


@pytest.mark.parametrize("num_groups", [2, 3, 4, 6, 12])
@pytest.mark.parametrize("network_class", CLASSES)
def test_groups_act_at_their_depth(network_class: Any, num_groups: int) -> None:
    network = make(network_class, num_groups)
    codes = torch.randn(2, 12, generator=torch.Generator().manual_seed(0))
    before = features_at_each_depth(network, codes)
    assert len(before) == 2 * num_groups + 1
    for group in range(num_groups):
        changed = codes.clone()
        changed[:, group * 12 // num_groups : (group + 1) * 12 // num_groups] += 1.0
        after = features_at_each_depth(network, changed)
        equal = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
        assert equal == [True] * (2 * group + 1) + [False] * (2 * (num_groups - group))


@pytest.mark.parametrize("network_class", CLASSES)
def test_each_latent_of_a_group_reaches_the_image(network_class: Any) -> None:
    network = make(network_class, 3)
    codes = torch.zeros(1, 12, requires_grad=True)
    (gradient,) = torch.autograd.grad(network.decode(codes).square().sum(), codes)
    assert (gradient != 0).all()


@pytest.mark.parametrize("num_groups", [2, 3, 4, 6, 12])
@pytest.mark.parametrize("network_class", CLASSES)
def test_groups_enter_from_coarse_to_fine(network_class: Any, num_groups: int) -> None:
    features = features_at_each_depth(make(network_class, num_groups), torch.zeros(1, 12))
    assert [x.shape[-1] for x in features[:-1:2]] == SIDES[:: 12 // num_groups]


@pytest.mark.parametrize("network_class", CLASSES)
def test_decoder_begins_with_a_learned_constant(network_class: Any) -> None:
    network = make(network_class, 4)
    first = features_at_each_depth(network, torch.randn(3, 12, generator=torch.Generator().manual_seed(1)))[0]
    constant = cast(GroupedDecoder, network.decoder).constant
    assert torch.equal(first, constant.expand(3, 64, 2, 2))
    # Standard normal: the standard error of the standard deviation over 256 draws is 1 / sqrt(512).
    assert constant.std().item() == pytest.approx(1.0, abs=5 / 512**0.5)


@pytest.mark.parametrize("network_class", CLASSES)
def test_every_parameter_has_a_gradient(network_class: Any) -> None:
    network = make(network_class, 6, variational=False)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    loss = (network.decode(network.codes(images)) - images).square().sum()
    loss.backward()  # type: ignore[no-untyped-call]
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    # Group norm takes away what a bias before it adds to all channels of a group, but not what it adds to one.
    assert silent == []


@pytest.mark.parametrize("network_class", CLASSES)
def test_log_std_output(network_class: Any) -> None:
    network, images = make(network_class, 3, variational=True), torch.rand(2, 3, 64, 64)
    means, log_variances = network.posterior_parameters(images)
    torch.testing.assert_close(torch.cat([means, log_variances / 2], dim=1), network.encoder(images))


@pytest.mark.parametrize("network_class", CLASSES)
def test_compute_in_the_precision_of_the_weights(network_class: Any) -> None:
    network = make(network_class, 3).to(torch.float64)
    assert network.decode(network.codes(torch.rand(2, 3, 64, 64))[:, :12]).dtype == torch.float64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_groups": 5}, r"num_groups.*\b12\b.*\b5"),
        ({"num_groups": 0}, r"num_groups.*\b12\b.*\b0"),
        ({"num_groups": 6, "latent_dim": 10}, r"num_groups.*\b10\b.*\b6"),
        ({"num_groups": 5, "latent_dim": 10}, r"num_groups.*\b10\b.*\b5"),
        ({"latent_dim": 0}, r"latent_dim.*\b0"),
        ({"channels": 0}, r"channels.*\b0"),
    ],
)
@pytest.mark.parametrize("network_class", CLASSES)
def test_rejects_sizes_that_do_not_fit(network_class: Any, options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network_class(**options)


@pytest.mark.parametrize("network_class", CLASSES)
def test_rejects_images_of_another_shape(network_class: Any) -> None:
    message = rf"{network_class.__name__} .*\(3, 64, 64\).*\(3, 32, 32\)"
    with pytest.raises(ValueError, match=message):
        make(network_class, 2).codes(torch.zeros(2, 3, 32, 32))


def test_tells_which_networks_have_groups() -> None:
    check_grouped_network("VLAE", GroupedNetwork(nn.Identity(), nn.Identity(), 4, 2, (4,)))
    with pytest.raises(TypeError, match=r"VLAE.*MLP"):
        check_grouped_network("VLAE", MLP())
