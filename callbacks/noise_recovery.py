"""How much noise of codes survives decoding and encoding, in validation."""

from collections.abc import Sequence

import torch
from typing_extensions import override

from lr_lightning.assays.noise_recovery import MULTIPLES, noise_recovery
from lr_lightning.callbacks.assay import AssayCallback, Findings, Subject
from lr_lightning.plots.noise_recovery import noise_recovery_figure


class NoiseRecoveryAssay(AssayCallback):
    """Logs the part of noise that is left after decoding and encoding; see :func:`lr_lightning.assays.noise_recovery`.

    Scalars under ``assay/noise_recovery/``: ``ratio_1`` and so on, for noise of so many posterior standard deviations
    (of a deterministic model: standard deviations of the codes): 0 if it is filtered out, 1 if it is passed on.

    Args:
        num_samples: Codes, drawn from the validation set.
        multiples: Sizes of the noise.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the codes and of the noise.

    Raises:
        ValueError: If ``num_samples`` is below 2 or a multiple is not positive.
    """

    name = "noise_recovery"

    def __init__(
        self,
        num_samples: int = 128,
        multiples: Sequence[float] = MULTIPLES,
        every_n_validations: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_validations, seed)
        if num_samples < 2:
            raise ValueError(f"num_samples must be at least 2, got {num_samples}")
        if not multiples or not all(multiple > 0 for multiple in multiples):
            raise ValueError(f"multiples must be positive, at least one, got {list(multiples)}")
        self.num_samples = num_samples
        self.multiples = tuple(multiples)

    @override
    def run(self, subject: Subject) -> Findings:
        rows = torch.randperm(len(subject.table.codes), generator=subject.generator)[: self.num_samples]
        codes, log_variances = subject.table.codes[rows], subject.table.log_variances
        sigma = None if log_variances is None else (0.5 * log_variances[rows]).exp()
        result = noise_recovery(
            subject.responder(),
            codes,
            sigma,
            multiples=self.multiples,
            generator=subject.generator,
            progress=subject.progress,
        )
        ratios = zip(self.multiples, result.ratio.tolist(), strict=True)
        return Findings(
            scalars={f"ratio_{multiple:g}": ratio for multiple, ratio in ratios},
            figures={"curve": lambda: noise_recovery_figure(result)},
            arrays={"multiples": result.multiples, "ratio": result.ratio, "latents": result.latents},
        )
