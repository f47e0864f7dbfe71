"""Gradients wherever they are needed, inside validation too."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def gradients() -> Iterator[None]:
    """Let gradients be taken whatever surrounds the call: ``no_grad``, inference mode, compiled modules.

    Modules under ``torch.compile`` run as they were written: compiled graphs cannot be differentiated twice.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if "torch._dynamo" in sys.modules:  # else nothing is compiled, and importing it takes seconds
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield
