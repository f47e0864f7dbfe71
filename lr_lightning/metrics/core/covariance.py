"""What scores from second moments have in common."""

import numpy as np

from lr_lightning.metrics.core.sample import Floats, Sample


def centred_codes(sample: Sample) -> Floats:
    """Return the codes ``(N, D)`` to train on in float64 less their mean, computed once per sample.

    Constant latents are exactly 0, which subtracting a rounded mean alone would not give.
    """

    def compute() -> Floats:
        codes = sample.codes.astype(np.float64)
        codes -= codes[0]
        centred: Floats = codes - codes.mean(axis=0)
        return centred

    return sample.shared("centred codes", compute)


def variances_of(centred: Floats) -> Floats:
    """Return the variance ``(D,)`` of each centred latent, without bias."""
    variances: Floats = (centred**2).sum(axis=0) / (len(centred) - 1)
    return variances
