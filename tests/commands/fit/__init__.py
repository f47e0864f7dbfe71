"""Tests of ``lr-lightning fit``."""
