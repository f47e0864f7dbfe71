"""Tests of ``lr-lightning explore``."""
