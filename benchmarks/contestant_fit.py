"""``lr-lightning`` with the given arguments, and a callback that reports its steps.

Started by the other benchmarks, with this folder on the path.
"""

import sys

from lr_lightning import cli


def main() -> None:
    """Train until told to stop."""
    sys.argv.append("--trainer.callbacks+=contestant_lightning.TurnsCallback")
    cli.main()


if __name__ == "__main__":
    main()
