"""The command ``lr-lightning study``."""
