"""Disentanglement scores as torchmetrics classes, and the suite that runs many of them on one code table."""
