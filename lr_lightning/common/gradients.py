"""Gradients inside validation and inference mode."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def gradients() -> Iterator[None]:
    """Enable gradients, even inside ``no_grad`` or inference mode.

    Modules under ``torch.compile`` run in eager mode: compiled graphs cannot be differentiated twice.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if "torch._dynamo" in sys.modules:  # otherwise nothing is compiled; importing it takes seconds
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield
