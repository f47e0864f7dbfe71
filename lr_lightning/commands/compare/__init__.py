"""``lr-lightning compare``."""
