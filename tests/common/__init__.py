"""Tests of the common helpers."""
