"""Data sets of the user, described in YAML."""
