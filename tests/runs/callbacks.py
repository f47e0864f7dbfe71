"""Callbacks of runs that go wrong."""

import signal
import sys
from typing import Any

import torch
from pytorch_lightning import Callback


class Interrupted(Callback):
    """Ctrl-C after the first step."""

    def on_train_batch_end(self, *args: Any, **kwargs: Any) -> None:
        signal.raise_signal(signal.SIGINT)


class Exiting(Callback):
    """Ends the process after the first step."""

    def on_train_batch_end(self, *args: Any, **kwargs: Any) -> None:
        sys.exit(3)


class Diverging(Callback):
    """Makes all weights NaN after the first step, and changes the settings of the process."""

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *args: Any, **kwargs: Any) -> None:
        torch.set_num_threads(2)
        torch.set_default_dtype(torch.float64)
        for parameter in pl_module.parameters():
            parameter.data.fill_(float("nan"))
