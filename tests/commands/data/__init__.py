"""Tests of ``lr-lightning data``."""
