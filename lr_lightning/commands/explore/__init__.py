"""``lr-lightning explore``."""
