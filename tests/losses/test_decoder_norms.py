"""Norms of decoders against sums of squares and exact Jacobians."""

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.functional import jacobian

from lr_lightning.losses import decoder_gradient_norm, decoder_weight_norm
from lr_lightning.networks import Conv64Burgess


@pytest.fixture
def decoder() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 12), nn.Sigmoid(), nn.Unflatten(1, (3, 2, 2)))


@pytest.fixture
def codes() -> Tensor:
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(1))


def exact(decoder: nn.Sequential, codes: Tensor) -> float:
    """Return the mean squared Frobenius norm of the Jacobian of each code."""
    norms = [jacobian(decoder, code[None]).square().sum() for code in codes]  # type: ignore[no-untyped-call]
    return float(sum(norms)) / len(codes)


def test_weight_norm() -> None:
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        layer.bias.copy_(torch.tensor([5.0, 6.0]))
    norm = decoder_weight_norm(nn.Sequential(nn.ReLU(), layer))
    norm.backward()  # type: ignore[no-untyped-call]
    assert norm.item() == 1 + 4 + 9 + 16 + 25 + 36
    assert layer.bias.grad is not None
    assert layer.bias.grad.tolist() == [10, 12]


def test_gradient_norm_averages_to_the_squared_jacobian(decoder: nn.Sequential, codes: Tensor) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.stack([decoder_gradient_norm(decoder, codes, generator) for _ in range(2000)]).double()
    expected = exact(decoder, codes)
    error = values.std().item() / 2000**0.5
    assert abs(values.mean().item() - expected) < 5 * error
    assert error < expected / 30


def test_gradient_norm_is_none_of_the_peers(decoder: nn.Sequential, codes: Tensor) -> None:
    inputs = codes.clone().requires_grad_()
    decoded = decoder(inputs)
    (of_the_sum,) = torch.autograd.grad(decoded.sum(), inputs, retain_graph=True)  # pythae's, there by the images
    (of_the_squares,) = torch.autograd.grad(decoded.square().sum(), inputs)  # of the authors' code
    expected = exact(decoder, codes)
    for gradient in (of_the_sum, of_the_squares):
        assert abs(gradient.square().sum(dim=1).mean().item() - expected) > 0.1 * expected


def test_gradient_norm_of_one_output_is_exact() -> None:
    weights = torch.tensor([[1.0, -2.0, 3.0]])
    norm = decoder_gradient_norm(lambda z: z @ weights.T, torch.zeros(5, 3), torch.Generator().manual_seed(0))
    assert norm.item() == 14


def test_gradients_reach_decoder_and_codes(decoder: nn.Sequential, codes: Tensor) -> None:
    decoder, codes = decoder.double(), codes.double().requires_grad_()

    def norm(inputs: Tensor, weight: Tensor) -> Tensor:
        def decode(z: Tensor) -> Tensor:
            parameters = {"0.weight": weight}
            decoded: Tensor = torch.func.functional_call(decoder, parameters, (z,))
            return decoded

        return decoder_gradient_norm(decode, inputs, torch.Generator().manual_seed(3))

    first = decoder[0]
    assert isinstance(first, nn.Linear)
    assert torch.autograd.gradcheck(norm, (codes, first.weight.detach().clone().requires_grad_()))


@pytest.mark.parametrize("surroundings", [torch.no_grad, torch.inference_mode])
def test_gradient_norm_inside_no_grad(surroundings: type[torch.no_grad], decoder: nn.Sequential, codes: Tensor) -> None:
    def norm() -> Tensor:
        inputs = codes * 1  # made inside, as the codes of a validation are
        return decoder_gradient_norm(decoder, inputs, torch.Generator().manual_seed(0))

    with surroundings():
        found = norm()
    assert not found.requires_grad
    assert torch.equal(found, norm().detach())


def test_gradient_norm_in_mixed_precision() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        decoder = Conv64Burgess(4, 1).decoder
    codes = torch.randn(2, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    norms = []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            norm = decoder_gradient_norm(lambda z: decoder(z).float(), codes, torch.Generator().manual_seed(0))
        norm.backward()  # type: ignore[no-untyped-call]
        norms.append(norm.item())
    # bfloat16 has 8 bits: ten layers there and back with relative errors of 2 ** -9 each
    assert norms[1] == pytest.approx(norms[0], rel=0.1)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in decoder.parameters() if p.ndim > 1)
