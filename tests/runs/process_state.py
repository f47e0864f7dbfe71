"""What a run must leave as it was."""

import logging
import os
import random
import signal
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
import wandb


def process_state() -> dict[str, Any]:
    """Return the state of this process, to be compared."""
    cudnn = torch.backends.cudnn
    return {
        "python": random.getstate(),
        "numpy": str(np.random.get_state()),  # noqa: NPY002
        "torch": torch.get_rng_state().tolist(),
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "deterministic": (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        "precision": torch.get_float32_matmul_precision(),
        "cudnn": (cudnn.benchmark, cudnn.deterministic, cudnn.enabled),
        "anomalies": torch.is_anomaly_enabled(),
        "environment": dict(os.environ),
        "folder": Path.cwd(),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "warnings": list(warnings.filters),
        "logging": [
            (logger.level, list(logger.filters), list(logger.handlers))
            for logger in map(logging.getLogger, ("pytorch_lightning", "pytorch_lightning.utilities.rank_zero"))
        ],
        "matplotlib": dict(mpl.rcParams),
        "streams": (sys.stdout, sys.stderr, sys.excepthook, sys.exit),
        "wandb": wandb.run,
        "threads of Python": [thread.name for thread in threading.enumerate() if "lease" in thread.name],
    }


def changes(before: dict[str, Any]) -> list[str]:
    """Return the parts of the state that differ from ``before``."""
    after = process_state()
    return [name for name, value in before.items() if value != after[name]]
