"""``lr-lightning configs``: list and print the configs that are shipped with this package."""

import argparse
import sys
from collections.abc import Sequence

from lr_lightning.commands.config.packaged import description, find_packaged, packaged_names
from lr_lightning.commands.failure import run_command
from lr_lightning.configs import CONFIG_FOLDER

_DESCRIPTION = """\
List the configs of this package, or print one of them, to be changed and trained from any folder:
`lr-lightning configs quickstart > my.yaml`, then `lr-lightning fit --config my.yaml`."""


def main(argv: Sequence[str]) -> int:
    """Run ``lr-lightning configs`` with the words after it.

    Args:
        argv: Arguments: none, or the name of a config.

    Returns:
        Exit code: 0 on success, 1 on failure, 2 for a wrong name. Errors are printed as one sentence on standard error.
    """
    parser = argparse.ArgumentParser(
        prog="lr-lightning configs",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="the config to print; without it, all are listed")
    return run_command(
        "configs",
        lambda: parser.parse_args(argv),
        lambda arguments: _list() if arguments.name is None else _print(arguments.name),
    )


def _list() -> None:
    names = packaged_names()
    width = max(map(len, names))
    for name in names:
        print(f"{name:{width}}  {description(CONFIG_FOLDER / f'{name}.yaml')}")


def _print(name: str) -> None:
    path = find_packaged(name, CONFIG_FOLDER, "config", "lr-lightning configs", beside=CONFIG_FOLDER)
    sys.stdout.write(path.read_text(encoding="utf-8"))
