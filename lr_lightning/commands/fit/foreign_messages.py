"""Silences messages of other libraries on which users cannot act."""

import logging
import warnings

from jsonargparse._deprecated import JsonargparseDeprecationWarning


def silence_foreign_messages() -> None:
    """Silence warnings and advertisements of Lightning and its dependencies, for the rest of the process."""
    # Lightning's calls of newer libraries
    warnings.filterwarnings("ignore", message=r".*LeafSpec.*is deprecated", category=FutureWarning)
    warnings.filterwarnings("ignore", category=JsonargparseDeprecationWarning)
    # refers to the Trainer's own logging; our models log by their own steps
    warnings.filterwarnings("ignore", message=r"The number of training batches .* is smaller than the logging interval")
    # in mixed precision, weights have 32 bits, as the summary assumes
    warnings.filterwarnings("ignore", message="Precision .* is not supported by the model summary")
    # resumed runs have checkpoints; all others have a new folder
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
    # assays may change when a run is resumed
    warnings.filterwarnings("ignore", message="Be aware that when using `ckpt_path`, callbacks used to create")
    # Lightning's advertisements of other products
    logging.getLogger("pytorch_lightning.utilities.rank_zero").addFilter(lambda r: not r.getMessage().startswith("💡"))
