"""Tests of data sets that a YAML file describes."""
