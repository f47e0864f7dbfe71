"""How much of a disturbance of codes survives decoding and encoding."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, own_generator, samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode, device_of
from lr_lightning.assays.response import mean_response
from lr_lightning.assays.response_matrix import Moments

MULTIPLES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True, eq=False)
class NoiseRecovery:
    """Part of a disturbance that is left after decoding and encoding; made by :func:`noise_recovery`.

    All tensors are float64 on the CPU.

    Attributes:
        multiples: ``(S,)``, size of the noise in multiples of ``sigma``.
        ratio: ``(S,)``, mean ratio of the lengths of response and disturbance in the active latents, without unit: 0 if
            the noise is filtered out, 1 if it is passed on. Latents with more noise weigh more.
        standard_error: ``(S,)``, standard error of ``ratio`` for a known ``sigma``; NaN for a single code.
        latents: ``(S, D)``, the same for each latent: root mean square response over root mean square disturbance of
            that latent. Above 1 a latent takes up noise of others. NaN for a latent without noise.
        num_samples: Number of codes ``N``.
        active: ``(D,)`` bool, the latents that ``ratio`` and ``median`` are of; ``None`` for all.
    """

    multiples: Tensor
    ratio: Tensor
    standard_error: Tensor
    latents: Tensor
    num_samples: int
    active: Tensor | None = None

    @property
    def median(self) -> Tensor:
        """Median ``(S,)`` over active latents of ``latents``, in which each counts alike; NaN if there is none."""
        of_active = self.latents if self.active is None else self.latents[:, self.active]
        if not of_active.shape[1]:
            return torch.full_like(self.ratio, torch.nan)
        return of_active.nanquantile(0.5, dim=1)


def noise_recovery(
    autoencoder: Autoencoder,
    codes: Tensor,
    sigma: Tensor | None = None,
    *,
    multiples: Sequence[float] = MULTIPLES,
    active: Tensor | None = None,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NoiseRecovery:
    r"""Disturb codes by noise of several sizes and measure how much of it is left after decoding and encoding.

    .. math:: r(m) = \mathbb{E}\left[\frac{\|h(z + \delta) - h(z)\|}{\|\delta\|}\right], \quad
        \delta = m \sigma \odot \xi, \quad \xi \sim \mathcal{N}(0, I)

    with the response map :math:`h`. A model that filters the noise of its posterior out has a small ratio at
    :math:`m = 1`. The same :math:`\xi` serve all sizes, so that the curve is smoother than its standard errors.

    The ratio does not tell recovery from indifference: a decoder that ignores a latent removes its noise, and all it
    says, too. Latents of a collapsed posterior have the most noise, and the decoder ignores them: leave them out with
    ``active``, or they alone decide the ratio. Their noise is added all the same, as it is when the posterior is
    sampled.

    Costs ``(S + 1) * N`` decoded and as many encoded samples, ``chunk_size`` a pass.

    Args:
        autoencoder: Model under study; left as it was, see :func:`assay_mode`.
        codes: Codes to disturb, shape ``(N, D)``, usually posterior means; not written to.
        sigma: Noise at ``m = 1`` in latent units: ``(D,)``, or ``(N, D)`` for each code, such as the posterior standard
            deviations. If ``None``, the standard deviation of each latent over ``codes``, whose own error
            ``standard_error`` does not count: give that of more codes where they are at hand.
        multiples: Sizes :math:`m`, positive.
        active: Mask ``(D,)`` of the latents to report the ratio of; all if ``None``.
        generator: Source of the noise, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``. The draws do not depend on it.
        progress: Called with the number of codes that are done and ``N``.

    Returns:
        The curve. It is NaN, with one warning, if the model's responses are not finite, a code gets no noise at all or
        no latent is active.

    Raises:
        TypeError: If ``autoencoder`` or ``codes`` is of another kind.
        ValueError: If ``codes`` has another shape, is not floating point or not finite, ``sigma`` has another shape,
            is negative or not finite, ``sigma`` is missing for a single code, ``multiples`` are not positive,
            ``active`` is no mask of ``D`` latents, or ``chunk_size < 1``.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> halving = wrap(encode=lambda x: x, decode=lambda z: z / 2, latent_dim=2)
        >>> noise_recovery(halving, torch.eye(2), torch.ones(2), multiples=[1.0, 2.0]).ratio.round(decimals=6)
        tensor([0.5000, 0.5000], dtype=torch.float64)
    """
    check_chunk_size(chunk_size)
    if not multiples or not all(0 < multiple < float("inf") for multiple in multiples):
        raise ValueError(f"multiples must be at least one positive number each, got {list(multiples)}")
    with assay_mode(autoencoder):
        codes = check_codes("codes", codes, autoencoder.latent_dim)
        kept = _mask(active, codes.shape[1])
        unit = torch.randn(codes.shape, generator=own_generator(generator)) * _noise_size(sigma, codes)
        size = samples_per_pass(chunk_size, device_of(autoencoder, codes))
        pooled: Moments | None = None
        done = 0
        for chunk, noise in zip(torch.split(codes, size), torch.split(unit, size), strict=True):
            moments = Moments.of(_chunk(autoencoder, chunk, noise.to(chunk), multiples, kept))
            pooled = moments if pooled is None else pooled.pool(moments)
            done += len(chunk)
            if progress is not None:
                progress(done, len(codes))
    assert pooled is not None  # there is at least one code
    count, mean, deviation, _ = pooled.num_samples, *(tensor.cpu() for tensor in pooled[1:])
    ratio, responses, noises = mean[:, 0], *mean[:, 1:].chunk(2, dim=1)
    if not ratio.isfinite().all():
        warnings.warn(
            "the recovery from noise is undefined: no latent is active"
            if not kept.any()
            else "the recovery from noise is undefined: responses are not finite, or a code got no noise",
            stacklevel=2,
        )
    error = (deviation[:, 0] / (count - 1) / count).sqrt() if count > 1 else torch.full_like(ratio, torch.nan)
    latents = (responses / noises.where(noises > 0, torch.nan)).sqrt()
    return NoiseRecovery(
        torch.tensor(multiples, dtype=torch.float64), ratio, error, latents, count, None if active is None else kept
    )


def _mask(active: Tensor | None, dim: int) -> Tensor:
    """Return ``active``, checked, on the CPU; all latents if it is ``None``."""
    if active is None:
        return torch.ones(dim, dtype=torch.bool)
    if active.shape != (dim,) or active.dtype != torch.bool:
        raise ValueError(f"active must be a mask of {dim} latents, got {active.dtype} of shape {tuple(active.shape)}")
    return active.cpu()


def _noise_size(sigma: Tensor | None, codes: Tensor) -> Tensor:
    """Return the standard deviation of the noise, (D,) or (N, D) on the CPU, checked."""
    if sigma is None:
        if len(codes) < 2:
            raise ValueError("sigma must be given for a single code, which has no standard deviation")
        sigma = codes.std(dim=0, correction=0)
    if sigma.shape not in (codes.shape, codes.shape[1:]):
        raise ValueError(
            f"sigma must have shape (D,) or (N, D) of codes {tuple(codes.shape)}, got {tuple(sigma.shape)}"
        )
    if not sigma.isfinite().all() or (sigma < 0).any():
        raise ValueError("sigma must be finite and not negative")
    return sigma.detach().cpu()


def _chunk(autoencoder: Autoencoder, codes: Tensor, noise: Tensor, multiples: Sequence[float], kept: Tensor) -> Tensor:
    """Return ratio, squared responses and squared noise of each latent for each multiple, (S, n, 1 + 2 D) float64.

    The ratio is that of the latents in the mask ``kept``, NaN if there is none.
    """
    unmoved = mean_response(autoencoder, codes)
    rows = []
    for multiple in multiples:
        disturbed = codes + multiple * noise
        moved = (mean_response(autoencoder, disturbed) - unmoved).double()
        delta = (disturbed - codes).to(moved.device).double()  # as rounded
        lengths = [part[:, kept.to(part.device)].square().sum(dim=1, keepdim=True).sqrt() for part in (moved, delta)]
        ratio = lengths[0] / lengths[1]
        rows.append(torch.cat([ratio, moved.square(), delta.square()], dim=1))
    return torch.stack(rows)
