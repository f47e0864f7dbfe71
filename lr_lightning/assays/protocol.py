"""The interface of models for assays, and an adapter for any pair of encoder and decoder."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from types import FunctionType, MethodType
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Normal

from lr_lightning.common.checks import check_at_least

Posterior: TypeAlias = Distribution | Tensor | tuple[Tensor, Tensor]
"""What an encoder may return: a distribution, codes ``(B, D)``, or means and log-variances, each ``(B, D)``."""


@runtime_checkable
class Autoencoder(Protocol):
    """A model with a latent space, regardless of how it was trained."""

    @property
    def latent_dim(self) -> int:
        """Number of latents ``D``; a plain attribute is fine."""
        ...

    def encode(self, images: Tensor, /) -> Normal | Tensor:
        """Return the posterior of images ``(B, C, H, W)``, or the codes ``(B, D)`` if the model is deterministic."""
        ...

    def decode(self, codes: Tensor, /) -> Tensor:
        """Return mean observations ``(B, C, H, W)`` in data range for codes ``(B, D)``."""
        ...


def posterior_mean(posterior: Posterior) -> Tensor:
    """Return the mean ``(B, D)`` of an encoder's output; the codes themselves for a deterministic encoder.

    Raises:
        TypeError: If ``posterior`` is neither a distribution, nor a tensor, nor a pair of tensors.
    """
    if isinstance(posterior, Tensor):
        return posterior
    if isinstance(posterior, Distribution):
        return posterior.mean
    if isinstance(posterior, tuple) and len(posterior) == 2:
        return posterior[0]
    raise TypeError(
        f"encode must return a tensor, a distribution or a tuple (means, log_variances), got {type(posterior).__name__}"
    )


def posterior_std(posterior: Posterior) -> Tensor:
    """Return the standard deviation ``(B, D)`` of an encoder's output; zeros for a deterministic encoder.

    Raises:
        TypeError: If ``posterior`` is neither a distribution, nor a tensor, nor a pair of tensors.
    """
    if isinstance(posterior, Distribution):
        return posterior.stddev
    if isinstance(posterior, tuple) and len(posterior) == 2:
        return (0.5 * posterior[1]).exp()
    return torch.zeros_like(posterior_mean(posterior))


@dataclass(eq=False)
class WrappedAutoencoder:
    """Two callables as an :class:`Autoencoder`, as returned by :func:`wrap`."""

    encoder: Callable[[Tensor], Posterior]
    decoder: Callable[[Tensor], Tensor]
    latent_dim: int

    def encode(self, images: Tensor, /) -> Normal | Tensor:
        """Return the encoder's output; a tuple of means and log-variances becomes a distribution."""
        posterior = self.encoder(images)
        if isinstance(posterior, Tensor | Normal):
            return posterior
        return Normal(posterior_mean(posterior), posterior_std(posterior), validate_args=False)

    def decode(self, codes: Tensor, /) -> Tensor:
        """Return the decoder's output."""
        return self.decoder(codes)


def wrap(
    *, encode: Callable[[Tensor], Posterior], decode: Callable[[Tensor], Tensor], latent_dim: int
) -> WrappedAutoencoder:
    """Turn two callables into an autoencoder that every assay accepts.

    Modules that the callables use are put into evaluation mode during an assay.

    Args:
        encode: Maps observations ``(B, C, H, W)`` to codes ``(B, D)``, to a distribution over them, or to a
            tuple of their means and log-variances.
        decode: Maps codes ``(B, D)`` to observations ``(B, C, H, W)``.
        latent_dim: Number of latents ``D``.

    Raises:
        ValueError: If ``latent_dim`` is below 1.

    Example:
        >>> doubling = wrap(encode=lambda x: x / 2, decode=lambda z: 2 * z, latent_dim=3)
        >>> isinstance(doubling, Autoencoder)
        True
    """
    check_at_least("latent_dim", latent_dim, 1)
    return WrappedAutoencoder(encode, decode, latent_dim)


def _behind(thing: object) -> list[object]:
    """Return the objects that ``thing`` refers to, as far as Python exposes them."""
    match thing:
        case partial():
            return [thing.func, *thing.args, *thing.keywords.values()]
        case MethodType():
            return [thing.__self__]
        case FunctionType():
            variables = inspect.getclosurevars(thing)
            return [*variables.nonlocals.values(), *variables.globals.values()]
        case type() | Tensor():
            return []
    return list(getattr(thing, "__dict__", {}).values())


def modules_of(autoencoder: Autoencoder) -> list[nn.Module]:
    """Return the outermost ``nn.Module`` objects that ``autoencoder`` uses.

    If a model is not a module itself, its attributes, bound methods, partials and the variables that its functions
    refer to are searched, four levels deep. Modules hidden elsewhere, such as in a dictionary, are not found.
    """
    found: dict[int, nn.Module] = {}
    layer: list[object] = [autoencoder]
    for _ in range(5):
        found |= {id(thing): thing for thing in layer if isinstance(thing, nn.Module)}
        layer = [
            inner
            for thing in layer
            if not isinstance(thing, nn.Module) and not inspect.ismodule(thing)
            for inner in _behind(thing)
        ]
    return list(found.values())


def placement(autoencoder: Autoencoder) -> tuple[torch.device | None, torch.dtype | None]:
    """Return device and dtype of the first floating-point parameter; ``(None, None)`` if the model has none."""
    for module in modules_of(autoencoder):
        for parameter in module.parameters():
            if parameter.is_floating_point():
                return parameter.device, parameter.dtype
    return None, None


def device_of(autoencoder: Autoencoder, tensor: Tensor) -> torch.device:
    """Return the device on which the model processes ``tensor``: that of its parameters or, if none, of the tensor."""
    device, _ = placement(autoencoder)
    return tensor.device if device is None else device


@contextmanager
def assay_mode(autoencoder: Autoencoder) -> Iterator[None]:
    """Run a model in evaluation mode, without gradients or autocast, and leave it unchanged.

    On exit, even after an error, every submodule's ``training`` flag is restored. Autocast is disabled so that a model
    with float32 parameters computes in float32 even if it trains in bfloat16 mixed precision. Gradients are disabled
    with ``no_grad`` instead of ``inference_mode``: a tensor that a module caches during its first call would otherwise
    be unusable in training.

    Raises:
        TypeError: If ``autoencoder`` lacks ``latent_dim``, ``encode`` or ``decode``.
    """
    if not isinstance(autoencoder, Autoencoder):
        raise TypeError(
            f"autoencoder must have latent_dim, encode and decode, got {type(autoencoder).__name__}; see "
            "lr_lightning.assays.wrap"
        )
    roots = modules_of(autoencoder)
    flags = [(module, module.training) for root in roots for module in root.modules()]
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        for device_type in ("cpu", "cuda", "mps", "xpu"):
            if torch.is_autocast_enabled(device_type):
                stack.enter_context(torch.autocast(device_type, enabled=False))
        try:
            for root in roots:
                root.eval()
            yield
        finally:
            for module, training in flags:
                module.training = training
