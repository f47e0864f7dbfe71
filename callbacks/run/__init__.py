"""Callbacks of a run that are no assays: its record, its checkpoints, its summary."""
