"""Tests of the callbacks of a run."""
