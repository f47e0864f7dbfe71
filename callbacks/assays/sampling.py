"""Samples of prior, aggregate posterior and product of marginals, and distances between them, in validation."""

from collections.abc import Iterator, Mapping
from typing import Literal

from typing_extensions import override

from lr_lightning.assays.latent_sampling import decoded_samples, posterior_samples
from lr_lightning.assays.prior_gap import prior_gap
from lr_lightning.assays.structure_score import structure_score
from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.sentences import defined, number
from lr_lightning.common.checks import check_at_least, check_choice
from lr_lightning.plots.discrepancies import prior_gap_figure, structure_score_figure
from lr_lightning.plots.samples import decoded_samples_figure


class SamplingAssay(AssayCallback):
    """Logs decoded samples and how far prior, aggregate posterior and responses are from each other.

    See :func:`lr_lightning.assays.structure_score` and :func:`lr_lightning.assays.prior_gap`. Scalars under
    ``assay/sampling/``: ``mmd_prior_response``, ``mmd_prior_posterior`` and ``mmd_posterior_response`` (squared, each
    with its standard error under ``..._error`` and its p-value under ``..._p_value``); ``wasserstein_mean``,
    ``wasserstein_max`` and ``kolmogorov_smirnov_max`` over latents. Figures: ``structure_score``, ``prior_gap``, and
    for images ``samples``.

    Args:
        num_samples: Number of images to draw for each sampler.
        num_codes: Number of codes for the distances, at most the size of the validation set.
        num_permutations: Size of the null distributions.
        noise: Whether to sample the posteriors of a variational model instead of using their means.
        preset: ``"paper"``: responses are means, and discrepancies are unbiased. ``"leeb2021"``: responses are samples
            from their posteriors, and discrepancies include the terms of a sample with itself, as in the authors'
            evaluation of 2021; theirs had ``num_codes=10000``. The kernel's constant is ``D`` in both.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of all draws.

    Raises:
        ValueError: If ``num_samples`` is below 1, ``num_codes`` below 3 or ``num_permutations`` negative, or ``preset``
            is unknown.
    """

    name = "sampling"
    summary = "Decoded samples, and the distances between the prior, the codes and the responses"
    size_argument = "num_codes"
    captions = {
        "structure_score": "Distances between the prior, the codes of the data (q) and the responses to the prior. "
        "Below the dashed lines, two distributions do not differ significantly.",
        "prior_gap": "Distance of each latent's codes from the prior, next to that of as many draws from the prior.",
        "samples": "Decoded draws of the prior, of the codes of the data, and of codes with each latent shuffled "
        "independently. If the last ones look worse, latents depend on each other.",
    }
    quantities = (
        "mmd_prior_response*",
        "mmd_prior_posterior*",
        "mmd_posterior_response*",
        "wasserstein_mean",
        "wasserstein_max",
        "kolmogorov_smirnov_max",
    )
    num_observations = 1  # only their shape is needed, which shows whether they are images

    def __init__(
        self,
        num_samples: int = 36,
        num_codes: int = 1000,
        num_permutations: int = 200,
        noise: bool = True,
        preset: Literal["paper", "leeb2021"] = "paper",
        every_n_validations: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_validations, seed)
        check_at_least("num_samples", num_samples, 1)
        check_at_least("num_codes", num_codes, 3)
        check_at_least("num_permutations", num_permutations, 0)
        self.num_samples = num_samples
        self.num_codes = num_codes
        self.num_permutations = num_permutations
        self.noise = noise
        check_choice("preset", preset, ("paper", "leeb2021"))
        self.preset = preset

    @override
    def run(self, context: AssayContext) -> AssayResult:
        means, generator = context.table.codes, context.generator
        log_variances = context.table.log_variances if self.noise else None
        count = min(self.num_codes, len(means))
        posterior = posterior_samples(means, log_variances, count, generator)
        options = {"num_permutations": self.num_permutations, "generator": generator, "progress": context.progress}
        past = self.preset == "leeb2021"
        # samples of responses cannot be drawn from the means that a sharded model returns
        model = context.autoencoder if past else context.sharded_model()
        score = structure_score(model, posterior, biased=past, stochastic=past, **options)  # type: ignore[arg-type]
        gap = prior_gap(posterior, **options)  # type: ignore[arg-type]
        figures = {
            "structure_score": lambda: structure_score_figure(score),
            "prior_gap": lambda: prior_gap_figure(gap),
        }
        if context.observations.ndim == 4 and context.observations.shape[1] in (1, 3):
            figures["samples"] = lambda: decoded_samples_figure(
                decoded_samples(
                    context.autoencoder, means, self.num_samples, log_variances=log_variances, generator=generator
                )
            )
        pairs = {
            "mmd_prior_response": score.prior_response,
            "mmd_prior_posterior": score.prior_posterior,
            "mmd_posterior_response": score.posterior_response,
        }
        return AssayResult(
            scalars={name: float(pair.squared) for name, pair in pairs.items()}
            | {f"{name}_error": float(pair.standard_error) for name, pair in pairs.items()}
            | {f"{name}_p_value": float(pair.p_value) for name, pair in pairs.items()}
            | {
                "wasserstein_mean": float(gap.wasserstein.mean()),
                "wasserstein_max": float(gap.wasserstein.max()),
                "kolmogorov_smirnov_max": float(gap.kolmogorov_smirnov.max()),
            },
            figures=figures,
            arrays={"wasserstein": gap.wasserstein, "kolmogorov_smirnov": gap.kolmogorov_smirnov},
        )

    @override
    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterator[str]:
        for key, pair in (
            ("mmd_prior_posterior", "The prior and the codes of the data"),
            ("mmd_prior_response", "The prior and its responses"),
            ("mmd_posterior_response", "The codes of the data and the responses to the prior"),
        ):
            value, error, chance = scalars[key], scalars[f"{key}_error"], scalars[f"{key}_p_value"]
            if defined(value, chance):
                verdict = "differ" if chance <= 0.05 else "do not differ significantly"
                yield f"{pair} {verdict}: squared MMD {number(value)} ± {number(error)}, p-value {number(chance)}."
        distance = number(scalars["wasserstein_max"])
        yield f"The latent farthest from the prior has a Wasserstein distance of {distance} to it."
