"""Callbacks of a run that are not assays: record, checkpoints, summary."""
