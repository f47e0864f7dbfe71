"""Tests of config files."""
