"""``lr-lightning data``."""
