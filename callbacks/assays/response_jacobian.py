"""The Jacobian of the response map, in validation."""

import torch
from typing_extensions import override

from lr_lightning.assays.response_jacobian import response_jacobian
from lr_lightning.callbacks.assay import AssayCallback, AssayContext, AssayResult
from lr_lightning.plots.jacobian import response_jacobian_figure


class ResponseJacobianAssay(AssayCallback):
    """Logs how decoding and encoding stretches and flattens the latent space around validation codes.

    See :func:`lr_lightning.assays.response_jacobian`. Scalars under ``assay/response_jacobian/``, means over the codes:
    ``spectral_radius``, ``operator_norm``, ``divergence`` (trace - D; negative where the map contracts), ``rank``
    (eigenvalues above ``threshold``: the dimension of what is transmitted) and ``antisymmetric_share`` (rotation). The
    raw values go to ``assays/``.

    Costs about two decoded and encoded samples for each code and latent, with their activations in memory; in
    distributed training every process does all of it.

    Args:
        num_samples: Codes, drawn from the validation set.
        threshold: Modulus above which an eigenvalue counts for the rank.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the choice of codes.

    Raises:
        ValueError: If ``num_samples`` is below 1 or ``threshold`` is not positive.
    """

    name = "response_jacobian"
    quantities = ("spectral_radius", "operator_norm", "divergence", "rank", "antisymmetric_share")

    def __init__(
        self, num_samples: int = 32, threshold: float = 0.5, every_n_validations: int = 1, seed: int = 0
    ) -> None:
        super().__init__(every_n_validations, seed)
        if num_samples < 1 or not threshold > 0:
            raise ValueError(
                f"num_samples must be at least 1 and threshold positive, got {num_samples} and {threshold}"
            )
        self.num_samples = num_samples
        self.threshold = threshold

    @override
    def run(self, context: AssayContext) -> AssayResult:
        codes = context.table.codes
        chosen = codes[torch.randperm(len(codes), generator=context.generator)[: self.num_samples]]
        result = response_jacobian(context.autoencoder, chosen, threshold=self.threshold, progress=context.progress)
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
            arrays=measured | {"eigenvalues": result.eigenvalues, "mean": result.mean, "codes": chosen},
        )
