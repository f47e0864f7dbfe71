"""Runs from Python: train, load, evaluate, and read results."""
