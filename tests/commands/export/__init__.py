"""Tests of ``lr-lightning export``."""
