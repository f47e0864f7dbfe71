"""How much latent noise survives a decode-encode round trip."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_active, check_chunk_size, check_codes, own_generator
from lr_lightning.assays.moments import Moments
from lr_lightning.assays.passes import in_passes, samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode
from lr_lightning.assays.response import mean_response
from lr_lightning.common.printed_result import TableFields, TabularResult

MULTIPLES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True, eq=False, repr=False)
class NoiseRecovery(TabularResult):
    """Fraction of latent noise that survives decoding and encoding, as returned by :func:`noise_recovery`.

    All tensors are float64 on the CPU.

    Attributes:
        multiples: ``(S,)``, noise level in multiples of ``sigma``.
        ratio: ``(S,)``, ratio of the norms of response and noise over the active latents, averaged over codes: 0 if the
            noise is filtered out, 1 if it is passed on. Latents with more noise have more weight.
        standard_error: ``(S,)``, standard error of ``ratio``, treating ``sigma`` as known; NaN for a single code.
        latents: ``(S, D)``, ratio for each latent: its root mean square response over its root mean square noise. Above
            1 if the latent picks up noise from others. NaN for a latent without noise.
        num_samples: Number of codes ``N``.
        active: ``(D,)`` bool, the latents that ``ratio`` and ``median`` cover; ``None`` for all.
    """

    table_fields = TableFields("multiple", ("ratio", "standard_error"), labels="multiples")

    multiples: Tensor
    ratio: Tensor
    standard_error: Tensor
    latents: Tensor
    num_samples: int
    active: Tensor | None = None

    @property
    def median(self) -> Tensor:
        """Median ``(S,)`` of ``latents`` over the active latents, with equal weights; NaN if no latent is active."""
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
    r"""Add noise of several levels to codes and measure how much of it survives decoding and encoding.

    .. math:: r(m) = \mathbb{E}\left[\frac{\|h(z + \delta) - h(z)\|}{\|\delta\|}\right], \quad
        \delta = m \sigma \odot \xi, \quad \xi \sim \mathcal{N}(0, I)

    with the response map :math:`h`. A model that filters out the noise of its posterior has a small ratio at
    :math:`m = 1`. All levels share the same :math:`\xi`, so the curve is smoother than its standard errors suggest.

    A small ratio can mean recovery or indifference: a decoder that ignores a latent removes its noise along with its
    information. Latents with a collapsed posterior have the most noise and are ignored by the decoder. Exclude them
    with ``active``, or they dominate the ratio. They still receive noise, as they do when the posterior is sampled.

    Cost: ``(S + 1) * N`` decoded and as many encoded samples, ``chunk_size`` per pass.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        codes: Codes to add noise to, shape ``(N, D)``, usually posterior means; not modified.
        sigma: Standard deviation of the noise at ``m = 1`` in latent units, ``(D,)``, or ``(N, D)`` for each code, such
            as the posterior standard deviations. If ``None``, the standard deviation of each latent over ``codes``.
            ``standard_error`` ignores its sampling error; if more codes are available, pass their standard deviation.
        multiples: Noise levels :math:`m`, positive.
        active: Boolean mask ``(D,)`` of the latents to include in the ratio; all if ``None``.
        generator: Random generator for the noise, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.
            The draws do not depend on it.
        progress: Called with the number of codes processed and ``N``.

    Returns:
        The curve. NaN with one warning if responses are not finite, a code receives no noise or no latent is active.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or ``codes`` is not a tensor.
        ValueError: If ``codes`` has the wrong shape, is not floating point or not finite, ``sigma`` has the wrong
            shape, is negative or not finite, or is ``None`` for a single code, ``multiples`` are not positive,
            ``active`` is not a boolean mask of ``D`` latents, or ``chunk_size < 1``.

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
        raise ValueError(f"multiples must be one or more positive, finite numbers, got {list(multiples)}")
    with assay_mode(autoencoder):
        codes = check_codes("codes", codes, autoencoder.latent_dim)
        kept = _mask(active, codes.shape[1])
        unit = torch.randn(codes.shape, generator=own_generator(generator)) * _noise_size(sigma, codes)
        size = samples_per_pass(chunk_size, autoencoder, codes)
        chunks = zip(in_passes(codes, size, progress), torch.split(unit, size), strict=True)
        pooled = reduce(
            Moments.pool,
            (Moments.of(_measure(autoencoder, chunk, noise.to(chunk), multiples, kept)) for chunk, noise in chunks),
        )
    mean, error = pooled.mean.cpu(), pooled.standard_error[:, 0].cpu()
    ratio, responses, noises = mean[:, 0], *mean[:, 1:].chunk(2, dim=1)
    if not ratio.isfinite().all():
        reason = "responses are not finite, or a code received no noise" if kept.any() else "no latent is active"
        warnings.warn(f"noise recovery is undefined: {reason}", stacklevel=2)
    return NoiseRecovery(
        multiples=torch.tensor(multiples, dtype=torch.float64),
        ratio=ratio,
        standard_error=error,
        latents=(responses / noises.where(noises > 0, torch.nan)).sqrt(),
        num_samples=pooled.num_samples,
        active=None if active is None else kept,
    )


def _mask(active: Tensor | None, dim: int) -> Tensor:
    """Return ``active`` on the CPU after checking it; all latents if it is ``None``."""
    if active is None:
        return torch.ones(dim, dtype=torch.bool)
    check_active(active, dim)
    return active.cpu()


def _noise_size(sigma: Tensor | None, codes: Tensor) -> Tensor:
    """Return the standard deviation of the noise, (D,) or (N, D) on the CPU, after checking it."""
    if sigma is None:
        if len(codes) < 2:
            raise ValueError("sigma is required for a single code, which has no standard deviation")
        sigma = codes.std(dim=0, correction=0)
    if sigma.shape not in (codes.shape, codes.shape[1:]):
        raise ValueError(
            f"sigma must have shape (D,) or (N, D) for codes of shape {tuple(codes.shape)}, got {tuple(sigma.shape)}"
        )
    if not sigma.isfinite().all() or (sigma < 0).any():
        raise ValueError(f"sigma must be finite and not negative, got entries from {sigma.min()} to {sigma.max()}")
    return sigma.detach().cpu()


def _measure(
    autoencoder: Autoencoder, codes: Tensor, noise: Tensor, multiples: Sequence[float], kept: Tensor
) -> Tensor:
    """Return the ratio, the squared response and the squared noise of each latent, (S, n, 1 + 2 D) float64.

    The ratio covers the latents in the mask ``kept``; it is NaN if there are none.
    """
    unmoved = mean_response(autoencoder, codes)
    rows = []
    for multiple in multiples:
        noisy = codes + multiple * noise
        moved = (mean_response(autoencoder, noisy) - unmoved).double()
        delta = (noisy - codes).to(moved.device).double()  # the noise that the model received, after rounding
        lengths = [part[:, kept.to(part.device)].square().sum(dim=1, keepdim=True).sqrt() for part in (moved, delta)]
        ratio = lengths[0] / lengths[1]
        rows.append(torch.cat([ratio, moved.square(), delta.square()], dim=1))
    return torch.stack(rows)
