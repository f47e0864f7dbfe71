"""Tests of shared models."""
