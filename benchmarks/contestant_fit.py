"""``lr-lightning`` with the given arguments, and a callback that reports its steps.

Started by the other benchmarks, with this folder on the path.
"""

import sys
from contextlib import suppress

from lr_lightning.commands.fit import training


def main() -> None:
    """Train until told to stop."""
    with suppress(KeyboardInterrupt):
        training.run([*sys.argv[1:], "--trainer.callbacks+=contestant_lightning.TurnsCallback"])


if __name__ == "__main__":
    main()
