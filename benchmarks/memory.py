"""Resident memory of training on dSprites and 3DShapes.

OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=2 python benchmarks/memory.py
"""

import tempfile
from pathlib import Path

from assay_share import BURGESS
from measuring import Cell, Group, Table, benchmark_parser, deliver
from race import contestant, dsprites_images, fit, race, require_linux


def main() -> None:
    """Train a few steps of each and look at the memory."""
    options = benchmark_parser(__doc__).parse_args()
    require_linux()
    images = dsprites_images(options.folder, options.quick)
    commands = {
        "lr-lightning fit, dSprites": fit("dsprites_betavae", *BURGESS),
        "lr-lightning fit, 3DShapes": fit("quickstart"),
        "lr-lightning fit, double helix": fit("helix"),
        "bare loop, dSprites as bytes in its own memory": contestant("bare", "--images", images, "--in-memory"),
        "bare loop, double helix": contestant("bare", "--task", "helix"),
    }
    with tempfile.TemporaryDirectory() as scratch:
        found = race(
            commands, Path(scratch), rounds=1, warm_up=1, steps=2 if options.quick else 20, start_together=True
        )
    note = (
        "Shared pages counted in part; with child processes, such as that of W&B. All images as bytes are 3,020 MB of "
        "dSprites and 5,898 MB of 3DShapes; as float32, which pythae's own data set holds, four times that."
    )
    rows: list[list[Cell]] = [[name, *found.memory[name]] for name in found.memory]
    table = Table("Training", ["", "own memory, MB", "mapped files, MB"], rows, note)
    deliver(Group("Memory", [table]), options)


if __name__ == "__main__":
    main()
