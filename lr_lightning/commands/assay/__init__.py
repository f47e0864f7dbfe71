"""``lr-lightning assay``."""
