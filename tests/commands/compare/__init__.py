"""Tests of ``lr-lightning compare``."""
