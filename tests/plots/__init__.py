"""Tests of the plots; a package, so that test files of other folders may have the same names."""
