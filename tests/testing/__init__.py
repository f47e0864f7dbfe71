"""Tests of the testers."""
