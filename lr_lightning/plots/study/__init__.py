"""Figures of the scores of many runs."""
