"""The Jacobian of the response map, in validation."""

from collections.abc import Iterator, Mapping

from typing_extensions import override

from lr_lightning.assays.response_jacobian import response_jacobian
from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.sentences import defined, number, percent
from lr_lightning.common.checks import check_at_least, check_positive
from lr_lightning.plots.jacobian import response_jacobian_figure


class ResponseJacobianAssay(AssayCallback):
    """Logs how decoding and encoding stretches and flattens the latent space around validation codes.

    See :func:`lr_lightning.assays.response_jacobian`. Scalars under ``assay/response_jacobian/``, means over the codes:
    ``spectral_radius``, ``operator_norm``, ``divergence`` (trace - D; negative where the map contracts), ``rank``
    (number of eigenvalues above ``threshold``, the dimension that is transmitted) and ``antisymmetric_share``
    (rotation). The raw values are saved to ``assays/``.

    Costs about two decoded and encoded samples per code and latent, with activations kept in memory; in distributed
    training, every process computes all of them.

    Args:
        num_samples: Number of codes, drawn from the validation set.
        threshold: Modulus above which an eigenvalue counts towards the rank.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the choice of codes.

    Raises:
        ValueError: If ``num_samples`` is below 1 or ``threshold`` is not positive.
    """

    name = "response_jacobian"
    summary = "How decoding and encoding stretches and flattens the space around codes"
    size_argument = "num_samples"
    captions = {
        "spectrum": "How the response map stretches small steps around codes. Eigenvalues near 1 belong to directions "
        "that are preserved, those near 0 to directions that are lost."
    }
    quantities = ("spectral_radius", "operator_norm", "divergence", "rank", "antisymmetric_share")

    def __init__(
        self, num_samples: int = 32, threshold: float = 0.5, every_n_validations: int = 1, seed: int = 0
    ) -> None:
        super().__init__(every_n_validations, seed)
        check_at_least("num_samples", num_samples, 1)
        check_positive("threshold", threshold)
        self.num_samples = num_samples
        self.threshold = threshold

    @override
    def run(self, context: AssayContext) -> AssayResult:
        codes = context.draw_codes(self.num_samples)
        result = response_jacobian(context.autoencoder, codes, threshold=self.threshold, progress=context.progress)
        measured = {
            "spectral_radius": result.spectral_radius,
            "operator_norm": result.operator_norm,
            "divergence": result.divergence,
            "rank": result.rank,
            "antisymmetric_share": result.antisymmetric_share,
        }
        return AssayResult(
            scalars={key: float(values.mean()) for key, values in measured.items()},
            figures={"spectrum": lambda: response_jacobian_figure(result)},
            arrays=measured | {"eigenvalues": result.eigenvalues, "mean": result.mean, "codes": codes},
        )

    @override
    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterator[str]:
        radius = scalars["spectral_radius"]
        if not defined(radius):
            yield "The Jacobian of the response map is not finite."
            return
        yield f"On average the response map preserves {number(scalars['rank'])} of {latent_dim} directions at a code."
        verdict = "below 1, so repeated responses converge" if radius < 1 else "not below 1, so codes drift"
        yield f"Its spectral radius is {number(radius)} on average: {verdict}."
        if defined(scalars["antisymmetric_share"]):
            yield f"Rotation makes up {percent(scalars['antisymmetric_share'])} of it."
