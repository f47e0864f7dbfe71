"""Searches for the values of a config with which a run scores best."""
