"""Ready configurations, shipped with the package: ``lr-lightning fit --config <file>``."""

from pathlib import Path

CONFIG_FOLDER = Path(__file__).parent
