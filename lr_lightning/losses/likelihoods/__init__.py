"""Likelihoods of observations: how to interpret the output of a decoder, one family per file."""
