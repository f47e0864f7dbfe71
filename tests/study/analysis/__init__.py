"""Tests of the analysis of studies."""
