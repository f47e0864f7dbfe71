"""Custom data sets, described in YAML."""
