"""Users' data sets, described in YAML."""
