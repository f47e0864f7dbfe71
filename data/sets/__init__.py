"""The data sets, one per file, each with its record of facts."""
