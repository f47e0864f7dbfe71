"""The parts of a training step: updates, schedules, noise and logging steps."""
