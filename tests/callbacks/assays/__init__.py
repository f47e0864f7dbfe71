"""Tests of the assay callbacks."""
