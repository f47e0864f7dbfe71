"""How much structure the response map adds to the prior: discrepancies between prior, posterior and responses."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.assays.checks import check_codes, check_same_length, own_generator
from lr_lightning.assays.interventions import prior_samples
from lr_lightning.assays.maximum_mean_discrepancy import MeanDiscrepancy, maximum_mean_discrepancy
from lr_lightning.assays.protocol import Autoencoder, assay_mode
from lr_lightning.assays.response import response
from lr_lightning.common.printed_result import TabularResult

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class StructureScore(TabularResult):
    """Discrepancies between three distributions of codes, as returned by :func:`structure_score`.

    Attributes:
        prior_response: Between the prior and its responses ``h(prior)``: how much decoding and encoding changes the
            prior.
        prior_posterior: Between the prior and the aggregate posterior ``q``: the gap that remains after training.
        posterior_response: Between ``q`` and ``h(prior)``: small if decoding and encoding maps the prior to the codes
            of the data.
    """

    prior_response: MeanDiscrepancy
    prior_posterior: MeanDiscrepancy
    posterior_response: MeanDiscrepancy

    @override
    def to_pandas(self) -> "pd.DataFrame":
        """Return a row for each of the three pairs."""
        import pandas as pd

        names = ("squared", "standard_error", "p_value")
        rows = {pair: [float(getattr(found, name)) for name in names] for pair, found in self.pairs.items()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis("distributions")

    @property
    def pairs(self) -> dict[str, MeanDiscrepancy]:
        """The three discrepancies under readable names, in order."""
        return {
            "prior and h(prior)": self.prior_response,
            "prior and q": self.prior_posterior,
            "q and h(prior)": self.posterior_response,
        }


def structure_score(
    autoencoder: Autoencoder,
    posterior: Tensor,
    prior: Tensor | None = None,
    *,
    constant: float | None = None,
    biased: bool = False,
    stochastic: bool = False,
    num_permutations: int = 200,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> StructureScore:
    r"""Compare the prior, the aggregate posterior and the responses to the prior.

    .. math:: \mathrm{MMD}^2(p, h(p)), \quad \mathrm{MMD}^2(p, q), \quad \mathrm{MMD}^2(q, h(p))

    with the inverse multiquadratic kernel, by default with :math:`C = D`. If the response map is the identity, the
    first discrepancy is 0 and the other two are equal. If it maps the prior to the distribution of the data's codes,
    the third is 0.

    Only distributions are compared, not individual codes: a response map that permutes the prior's samples has a first
    discrepancy of 0.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        posterior: Samples of the aggregate posterior, shape ``(N, D)`` with ``N >= 3``, see :func:`posterior_samples`;
            not modified.
        prior: The same number of samples from the prior; standard normal samples if ``None``.
        constant: ``C`` of the kernel in squared latent units; ``D`` if ``None``.
        biased: Whether to include the terms of a sample with itself; see :func:`maximum_mean_discrepancy`.
        stochastic: Whether to sample the posteriors of decoded prior samples instead of taking their means.
        num_permutations: Size of the null distributions; 0 for none.
        generator: Random generator for all samples and nulls, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: Codes per pass through the model; 1024, or 32 on a CPU, if ``None``, fewer for large images.
        progress: Called with the number of kernel rows processed and their total, ``3 * N``.

    Returns:
        The three discrepancies. If responses are not finite, those that involve them are NaN, with one warning.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or codes are not tensors.
        ValueError: If codes have the wrong shape, dtype or non-finite entries, are fewer than 3 or differ in number, or
            a number is out of range.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> identity = wrap(encode=lambda x: x, decode=lambda z: z, latent_dim=2)
        >>> structure_score(identity, torch.ones(9, 2)).prior_response.squared.item()
        0.0
    """
    generator = own_generator(generator)
    with assay_mode(autoencoder):  # raises unless it is an Autoencoder
        posterior = check_codes("posterior", posterior, autoencoder.latent_dim, minimum=3)
    if prior is None:
        prior = prior_samples(len(posterior), autoencoder.latent_dim, generator).to(posterior)
    prior = check_codes("prior", prior, autoencoder.latent_dim).to(posterior.device)
    check_same_length("prior", prior, "posterior", posterior)
    responses = response(autoencoder, prior, stochastic=stochastic, generator=generator, chunk_size=chunk_size)
    is_finite = bool(responses.isfinite().all())
    if not is_finite:
        warnings.warn("the model's responses are not finite, so the structure score is NaN in places", stacklevel=2)

    found = []
    for position, (first, second) in enumerate(((prior, responses), (prior, posterior), (posterior, responses))):
        if second is responses and not is_finite:
            found.append(_undefined(len(prior), num_permutations, biased))
            continue
        found.append(
            maximum_mean_discrepancy(
                first,
                second,
                constant=constant,
                biased=biased,
                num_permutations=num_permutations,
                generator=generator,
                progress=_offset(progress, position, 3),
            )
        )
    return StructureScore(*found)


def _offset(
    progress: Callable[[int, int], None] | None, position: int, num_parts: int
) -> Callable[[int, int], None] | None:
    """Return a callback that converts the progress within one of several equal parts to that of the whole."""
    if progress is None:
        return None
    return lambda done, total: progress(position * total + done, num_parts * total)


def _undefined(num_samples: int, num_permutations: int, biased: bool) -> MeanDiscrepancy:
    nan = torch.tensor(torch.nan, dtype=torch.float64)
    return MeanDiscrepancy(nan, nan, nan.expand(num_permutations), nan, num_samples, biased)
