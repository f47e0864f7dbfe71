"""``lr-lightning import``."""
