"""Tests of ``lr-lightning import``."""
