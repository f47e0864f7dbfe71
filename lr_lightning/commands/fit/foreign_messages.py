"""Silences what other libraries say that no user can act on."""

import logging
import warnings

from jsonargparse._deprecated import JsonargparseDeprecationWarning


def silence_foreign_messages() -> None:
    """Silence warnings and advertisements of Lightning and of what it calls, for the rest of the process."""
    # Lightning's own calls of newer libraries
    warnings.filterwarnings("ignore", message=r".*LeafSpec.*is deprecated", category=FutureWarning)
    warnings.filterwarnings("ignore", category=JsonargparseDeprecationWarning)
    # It counts what the Trainer logs itself; models log by their own steps
    warnings.filterwarnings("ignore", message=r"The number of training batches .* is smaller than the logging interval")
    # In mixed precision weights are of 32 bits, which is what it counts
    warnings.filterwarnings("ignore", message="Precision .* is not supported by the model summary")
    # A run that is resumed has checkpoints; any other has a folder of its own
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
    # Assays may change when a run is resumed
    warnings.filterwarnings("ignore", message="Be aware that when using `ckpt_path`, callbacks used to create")
    # Lightning's advertisements of other products
    logging.getLogger("pytorch_lightning.utilities.rank_zero").addFilter(lambda r: not r.getMessage().startswith("💡"))
