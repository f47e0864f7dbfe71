"""A model that cannot be trained with one of its strengths."""

from typing import Any

from typing_extensions import override

from lr_lightning.models import BetaVAE


class FailingVAE(BetaVAE):
    """A beta-VAE whose training fails if beta is 7."""

    @override
    def update(self, *args: Any) -> Any:
        self._check()
        return super().update(*args)

    @override
    def training_step(self, *args: Any) -> Any:
        self._check()
        return super().training_step(*args)

    def _check(self) -> None:
        if self.beta == 7:
            raise ValueError("a beta of 7.0 is unlucky")
