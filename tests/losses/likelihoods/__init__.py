"""Tests of the likelihoods."""
