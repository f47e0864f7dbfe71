"""What scores from second moments have in common."""

import numpy as np

from lr_lightning.metrics.core.sample import Floats, Sample


def centered_codes(sample: Sample) -> Floats:
    """Return the codes ``(N, D)`` to train on in float64 less their mean, computed once per sample.

    Constant latents are exactly 0, which subtracting a rounded mean alone would not give.
    """

    def compute() -> Floats:
        codes = sample.codes.astype(np.float64)
        codes -= codes[0]
        centered: Floats = codes - codes.mean(axis=0)
        return centered

    return sample.shared("centered codes", compute)


def variances_of(centered: Floats) -> Floats:
    """Return the variance ``(D,)`` of each centered latent, without bias."""
    variances: Floats = (centered**2).sum(axis=0) / (len(centered) - 1)
    return variances
