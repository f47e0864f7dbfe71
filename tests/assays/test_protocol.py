"""The adapter for other models, and the mode in which assays run a model."""

from functools import partial
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal

from lr_lightning.assays import Autoencoder, assay_mode, posterior_mean, posterior_std, response, wrap
from lr_lightning.assays.protocol import Posterior, modules_of, placement
from tests.assays.models import ConvVAE


def training_flags(module: nn.Module) -> list[bool]:
    return [m.training for m in module.modules()]


def test_posterior_of_every_form() -> None:
    mean, log_variance = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]]).log()
    forms: list[tuple[Posterior, Tensor]] = [
        (mean, torch.zeros(1, 2)),
        (Normal(mean, torch.tensor([[3.0, 5.0]])), torch.tensor([[3.0, 5.0]])),
        ((mean, log_variance), torch.tensor([[0.0, 2.0]])),
    ]
    for posterior, std in forms:
        torch.testing.assert_close(posterior_mean(posterior), mean)
        torch.testing.assert_close(posterior_std(posterior), std)


def test_wrap_builds_a_distribution() -> None:
    wrapped = wrap(encode=lambda x: (x, 2 * x.abs().log()), decode=lambda z: z, latent_dim=2)
    posterior = wrapped.encode(torch.tensor([[1.0, -2.0]]))
    assert isinstance(wrapped, Autoencoder)
    assert isinstance(posterior, Normal)
    torch.testing.assert_close(posterior.stddev, torch.tensor([[1.0, 2.0]]))


def test_rejects() -> None:
    with pytest.raises(ValueError, match=r"latent_dim .*got 0"):
        wrap(encode=lambda x: x, decode=lambda z: z, latent_dim=0)
    with pytest.raises(TypeError, match=r"autoencoder .*got Identity"):
        response(cast(Autoencoder, nn.Identity()), torch.zeros(1, 2))
    with pytest.raises(TypeError, match=r"encode .*got list"):
        response(wrap(encode=lambda x: cast(Tensor, [x]), decode=lambda z: z, latent_dim=2), torch.zeros(1, 2))


def test_modes_are_restored(vae: ConvVAE) -> None:
    before = training_flags(vae)
    assert len(set(before)) == 2
    with assay_mode(vae):
        assert not any(training_flags(vae))
        assert not torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
    assert training_flags(vae) == before
    with pytest.raises(RuntimeError, match="inside"), assay_mode(vae):
        raise RuntimeError("inside")
    assert training_flags(vae) == before
    assert torch.is_grad_enabled()


def test_finds_modules_behind_functions(vae: ConvVAE) -> None:
    encode, decode = vae.encode, vae.decode

    class Holder:
        latent_dim = 3

        def __init__(self) -> None:
            self.net = vae

        def encode(self, images: Tensor, /) -> Normal | Tensor:
            return encode(images)

        def decode(self, codes: Tensor, /) -> Tensor:
            return decode(codes)

    for model in (
        wrap(encode=encode, decode=decode, latent_dim=3),
        wrap(encode=lambda x: encode(x), decode=lambda z: z, latent_dim=3),
        wrap(encode=partial(lambda net, x: net.encode(x), vae), decode=lambda z: z, latent_dim=3),
        Holder(),
    ):
        assert modules_of(model) == [vae]
    module = nn.Identity()
    assert modules_of(wrap(encode=module, decode=lambda z: z, latent_dim=2)) == [module]
    assert placement(wrap(encode=lambda x: x, decode=lambda z: z, latent_dim=2)) == (None, None)


def test_ignores_surrounding_autocast(vae: ConvVAE, codes: Tensor) -> None:
    expected = response(vae, codes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        measured = response(vae, codes)
        assert vae.get_submodule("decoder.0")(codes).dtype == torch.bfloat16  # autocast is on again
    assert torch.equal(measured, expected)


@pytest.mark.parametrize(("dtype", "result"), [(torch.bfloat16, torch.float32), (torch.float64, torch.float64)])
def test_runs_in_the_precision_of_the_parameters(
    vae: ConvVAE, codes: Tensor, dtype: torch.dtype, result: torch.dtype
) -> None:
    exact = response(vae, codes)
    measured = response(vae.to(dtype), codes)
    assert measured.dtype == result
    # bfloat16 has 8 bits: 2^-9 relative in each of about 4 roundings of values below 2
    torch.testing.assert_close(measured.float(), exact, rtol=0, atol=4 * 2 * 2**-9)
