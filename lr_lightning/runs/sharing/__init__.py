"""Sharing a model: its weights, config, results and model card in one folder."""
