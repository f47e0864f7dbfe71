"""Callbacks of a run other than assays: record, checkpoints, summary."""
