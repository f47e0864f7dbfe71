"""Which models have posteriors that can be sampled."""

from pytorch_lightning import LightningModule

from lr_lightning.common.checks import NO_POSTERIORS


def is_deterministic(module: LightningModule) -> bool:
    """Return whether the network of ``module``, or that of a member of an ensemble, is known to have no posteriors."""
    models = getattr(module, "members", [module])
    return any(getattr(getattr(model, "network", None), "variational", None) is False for model in models)


def check_posteriors(module: LightningModule) -> None:
    """Raise ``ValueError`` if the posteriors of a deterministic ``module`` are to be sampled.

    Modules of other packages, whose kind is not known, pass; their codes are checked once they are there.
    """
    if is_deterministic(module):
        raise ValueError(NO_POSTERIORS)
