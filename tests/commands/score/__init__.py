"""Tests of ``lr-lightning score``."""
