"""Run folders: choosing and locking them, and their checkpoints."""
