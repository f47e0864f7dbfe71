"""Refuses to sample the posteriors of a model that has none."""

from pytorch_lightning import LightningModule

from lr_lightning.common.checks import NO_POSTERIORS


def check_posteriors(module: LightningModule) -> None:
    """Raise ``ValueError`` if the network of ``module``, or that of a member of an ensemble, is deterministic.

    Modules of other packages, whose kind is not known, pass; their codes are checked once they are there.
    """
    for model in getattr(module, "members", [module]):
        if getattr(getattr(model, "network", None), "variational", None) is False:
            raise ValueError(NO_POSTERIORS)
