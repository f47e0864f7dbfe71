"""Geometry and random numbers for rendered data sets."""
