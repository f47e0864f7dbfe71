"""Run folders: which one, who holds it, and its checkpoints."""
