"""Tests of lr_lightning.metrics."""
