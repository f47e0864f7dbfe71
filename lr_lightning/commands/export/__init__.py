"""``lr-lightning export``."""
