"""Resident memory of training on dSprites and 3DShapes.

OMP_NUM_THREADS=2 python benchmarks/memory.py
"""

import tempfile
from pathlib import Path

from assay_share import BURGESS
from measuring import Cell, Group, Table, benchmark_parser, deliver
from race import contestant, dsprites_images, fit, race, require_linux


def main() -> None:
    """Train each for a few steps and measure its memory."""
    options = benchmark_parser(__doc__).parse_args()
    require_linux()
    images = dsprites_images(options.folder, options.quick)
    commands = {
        "lr-lightning fit, dSprites": fit("dsprites_betavae", *BURGESS),
        "lr-lightning fit, 3DShapes": fit("quickstart_unsupervised"),
        "lr-lightning fit, double helix": fit("helix"),
        "bare loop, dSprites as bytes in own memory": contestant("bare", "--images", images, "--in-memory"),
        "bare loop, double helix": contestant("bare", "--task", "helix"),
    }
    with tempfile.TemporaryDirectory() as scratch:
        found = race(
            commands, Path(scratch), rounds=1, warm_up=1, steps=2 if options.quick else 20, start_together=True
        )
    note = (
        "Shared pages count proportionally; child processes, e.g. W&B's, are included. All images as bytes take 3,020 "
        "MB for dSprites and 5,898 MB for 3DShapes; as float32, which pythae's own data set uses, four times that."
    )
    rows: list[list[Cell]] = [[name, *found.memory[name]] for name in found.memory]
    table = Table("Training", ["", "own memory, MB", "mapped files, MB"], rows, note)
    deliver(Group("Memory", [table]), options)


if __name__ == "__main__":
    main()
