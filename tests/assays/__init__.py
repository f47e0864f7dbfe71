"""Tests of the assays."""
