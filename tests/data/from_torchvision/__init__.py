"""Tests of how torchvision's data sets are constructed, read and cached."""
