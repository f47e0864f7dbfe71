"""Tests of the command for studies."""
