"""Configs: how they are read, composed, completed, compared and saved."""
