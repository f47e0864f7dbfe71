"""``lr-lightning study list``: the packaged studies, and those that were begun."""

import argparse
from pathlib import Path

from lr_lightning.commands.config.packaged import description, packaged_names
from lr_lightning.study.definition import STUDY_FOLDER, read_definition
from lr_lightning.study.layout import StudyFolder
from lr_lightning.study.manifest import read_manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand: none."""


def run(options: argparse.Namespace) -> int:
    """List studies; returns 0."""
    print("packaged:")
    for name in packaged_names(STUDY_FOLDER):
        path = STUDY_FOLDER / f"{name}.yaml"
        definition = read_definition(path)
        print(f"  {name}: {_size(definition.num_cells, len(definition.seeds))}")
        print(f"    {description(path)}")
    begun = _begun(options.root)
    print(f"begun in {options.root}:" if begun else f"none was begun in {options.root}")
    for line in begun:
        print(f"  {line}")
    return 0


def _begun(root: Path) -> list[str]:
    """Return a line for each study with a manifest in a folder."""
    lines = []
    for path in sorted(root.glob("*/manifest.json")):
        name = path.parent.name
        try:
            manifest = read_manifest(StudyFolder(root, name).manifest)
        except ValueError as error:
            lines.append(f"{name}: {error}")
        else:
            lines.append(f"{name}: {_size(len(manifest.cells), len(manifest.seeds))}")
    return lines


def _size(cells: int, seeds: int) -> str:
    return f"{cells:,} cells x {seeds:,} seeds = {cells * seeds:,} runs"
