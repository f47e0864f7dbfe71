"""Tests of ``lr-lightning assay``."""
