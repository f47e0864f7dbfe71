"""Reads configs."""

from pathlib import Path
from typing import Any

import yaml

from lr_lightning.commands.config.yaml_limits import check_config_file

_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


def read_yaml(text: str) -> Any:
    """Return the values in ``text`` as ``yaml.safe_load`` does, with libyaml, which takes a tenth of its time.

    Raises:
        yaml.YAMLError: If ``text`` is not YAML.
    """
    return yaml.load(text, _LOADER)


def read_config_file(path: Path) -> Any:
    """Return the values in a file, as they are: with the names of the version that wrote it, without what it includes.

    Raises:
        ValueError: If it is not YAML of a reasonable size.
    """
    check_config_file(path)
    try:
        return read_yaml(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:  # a tag or a key that is no plain value
        raise ValueError(f"{path} is not a readable YAML file: {' '.join(str(error).split())}") from error
