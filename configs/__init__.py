"""Ready configurations, shipped with the package: ``lr-lightning fit --config <file>``."""
