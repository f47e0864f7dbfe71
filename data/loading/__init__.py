"""Batches: the data module, loaders, groups, and what is held out."""
