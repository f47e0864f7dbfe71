"""How much structure the response map finds in the prior: discrepancies between prior, posterior and responses."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_codes, own_generator
from lr_lightning.assays.interventions import prior_samples
from lr_lightning.assays.maximum_mean_discrepancy import MeanDiscrepancy, maximum_mean_discrepancy
from lr_lightning.assays.protocol import Autoencoder, assay_mode
from lr_lightning.assays.response import response


@dataclass(frozen=True, eq=False)
class StructureScore:
    """Discrepancies between three distributions of codes; made by :func:`structure_score`.

    Attributes:
        prior_response: Between the prior and its responses ``h(prior)``: what decoding and encoding changes.
        prior_posterior: Between the prior and the aggregate posterior ``q``: what training left between them.
        posterior_response: Between ``q`` and ``h(prior)``: small if decoding and encoding takes the prior to the codes
            of data.
    """

    prior_response: MeanDiscrepancy
    prior_posterior: MeanDiscrepancy
    posterior_response: MeanDiscrepancy

    @property
    def pairs(self) -> dict[str, MeanDiscrepancy]:
        """The three under readable names, in order."""
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
    num_permutations: int = 200,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> StructureScore:
    r"""Compare the prior, the aggregate posterior and the responses to the prior.

    .. math:: \mathrm{MMD}^2(p, h(p)), \quad \mathrm{MMD}^2(p, q), \quad \mathrm{MMD}^2(q, h(p))

    The inverse multiquadratic kernel has :math:`C = D`. A model whose response map is the identity has 0 for the first,
    and the second and third are equal; one that takes every code to the codes of data has 0 for the third.

    It sees distributions only, not where single codes go: a response map that shuffles the prior's samples has 0
    for the first.

    Args:
        autoencoder: Model under study; left as it was, see :func:`assay_mode`.
        posterior: Samples of the aggregate posterior, shape ``(N, D)`` with ``N >= 3``, see :func:`posterior_samples`;
            not written to.
        prior: As many samples of the prior; standard normal draws if ``None``.
        constant: ``C`` of the kernel in squared latent units; ``D`` if ``None``.
        num_permutations: Size of the null distributions; 0 for none.
        generator: Source of prior samples and nulls, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: Codes per pass through the model; 1024, or 32 on a CPU, if ``None``.
        progress: Called with the kernel rows that are done and their number in all, ``3 * N``.

    Returns:
        The three discrepancies. NaN for those with the responses, and one warning, if the model answers with NaN.

    Raises:
        TypeError: If ``autoencoder`` or the codes are of another kind.
        ValueError: If codes have the wrong shape, dtype or entries that are not finite, are fewer than 3 or not
            equally many, or a number is out of range.

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
    with assay_mode(autoencoder):  # which says so if it is none
        posterior = check_codes("posterior", posterior, autoencoder.latent_dim, minimum=3)
    if prior is None:
        prior = prior_samples(len(posterior), autoencoder.latent_dim, generator).to(posterior)
    prior = check_codes("prior", prior, autoencoder.latent_dim).to(posterior.device)
    if len(prior) != len(posterior):
        raise ValueError(f"prior and posterior must have equally many samples, got {len(prior)} and {len(posterior)}")
    responses = response(autoencoder, prior, chunk_size=chunk_size)
    answered = bool(responses.isfinite().all())
    if not answered:
        warnings.warn("the model's responses are not finite, and neither is the structure score", stacklevel=2)

    found = []
    for position, (first, second) in enumerate(((prior, responses), (prior, posterior), (posterior, responses))):
        if second is responses and not answered:
            found.append(_undefined(len(prior), num_permutations))
            continue
        found.append(
            maximum_mean_discrepancy(
                first,
                second,
                constant=constant,
                num_permutations=num_permutations,
                generator=generator,
                progress=_offset(progress, position, 3),
            )
        )
    return StructureScore(*found)


def _offset(
    progress: Callable[[int, int], None] | None, position: int, num_parts: int
) -> Callable[[int, int], None] | None:
    """Return the ``progress`` of one of several parts of equal size."""
    if progress is None:
        return None
    return lambda done, total: progress(position * total + done, num_parts * total)


def _undefined(num_samples: int, num_permutations: int) -> MeanDiscrepancy:
    nan = torch.tensor(torch.nan, dtype=torch.float64)
    return MeanDiscrepancy(nan, nan, nan.expand(num_permutations), nan, num_samples)
