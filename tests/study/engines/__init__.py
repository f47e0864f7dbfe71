"""Tests of the engines of studies."""
