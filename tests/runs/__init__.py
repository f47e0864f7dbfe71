"""Tests of runs from Python."""
