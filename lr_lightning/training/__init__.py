"""How a training step is made: updates, schedules, noise and when it is logged."""
