"""Tests of the assays; a package, so that test files of other folders may have the same names."""
