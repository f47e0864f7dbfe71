"""``lr-lightning score``."""
