"""``lr-lightning compare``: what differs between two runs, in their configs, weights and scalars."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lr_lightning.commands.failure import run_command

if TYPE_CHECKING:
    from lr_lightning.commands.compare.differences import Row
    from lr_lightning.runs import Run

_DESCRIPTION = """\
Compare two runs: the keys of their configs that differ, whether their checkpoints are equal to the bit, and their
scalars and scores side by side, those at the end of training, replaced by those of later validations and tests.

RUN is a run folder, the folder of an exported model, or `demo`, the model of this package; nothing is written."""


def main(argv: Sequence[str]) -> int:
    """Run ``lr-lightning compare``.

    Args:
        argv: Arguments, such as ``["runs/quickstart", "runs/quickstart-1"]``.

    Returns:
        Exit code: 0 on success, whether or not the runs differ; 1 on failure, 2 for a wrong command line, 130 after
        Ctrl-C. Errors are printed to standard error, one sentence each.
    """
    return run_command("compare", lambda: _parser().parse_args(argv), _compare)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lr-lightning compare",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("first", metavar="RUN", type=Path, help="a run")
    parser.add_argument("second", metavar="RUN", type=Path, help="another")
    return parser


def _compare(arguments: argparse.Namespace) -> None:
    from lr_lightning.commands.compare.differences import Row, config_rows, scalar_rows
    from lr_lightning.runs import load_run

    first, second = load_run(arguments.first), load_run(arguments.second)
    titles = str(arguments.first), str(arguments.second)
    rows = config_rows(first.config, second.config)
    print(f"Config: {_number(len(rows), 'key differs', 'keys differ')}")
    _print_table([Row("", *titles), *rows] if rows else [])
    print("\nWeights:")
    for line in _weights_lines(first, second):
        print(f"  {line}")
    for run, title in zip((first, second), titles, strict=True):
        if not run.results:
            print(f"\nNote: {title} has no results.json, which is written when training ends")
    scalars = scalar_rows(first.scalars, second.scalars)
    equal = sum(row.is_equal for row in scalars)
    print(f"\nScalars: {_number(len(scalars), 'scalar', 'scalars')}, of which {equal} are equal")
    stages = [
        ", ".join(f"{stage} {record['step']:,}" for stage, record in run.results.items()) for run in (first, second)
    ]
    _print_table([Row("", *titles, "difference"), Row("step", *stages), *scalars] if scalars else [])


def _weights_lines(first: "Run", second: "Run") -> list[str]:
    """Return a line for each checkpoint that both runs have."""
    from lr_lightning.commands.compare.differences import weights_sentence
    from lr_lightning.commands.run.checkpoints import read_checkpoint

    lines = []
    for name in ("best", "last"):
        try:
            paths = first.checkpoint(name), second.checkpoint(name)
        except FileNotFoundError as error:
            lines.append(f"{name}: not compared, because {error}")
            continue
        one, two = (read_checkpoint(path) for path in paths)
        steps = " and ".join(dict.fromkeys(f"{each['global_step']:,}" for each in (one, two)))
        lines.append(f"{name} (step {steps}): {weights_sentence(one['state_dict'], two['state_dict'])}")
    return lines


def _print_table(rows: Sequence["Row"]) -> None:
    """Print rows with aligned columns, one line each, however wide the terminal is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  " + "  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip())


def _number(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"
