"""Tests of the shared parts of the benchmarks."""
