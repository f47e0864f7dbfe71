"""Manifests of earlier versions are read."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from lr_lightning.study.layout import StudyFolder
from lr_lightning.study.manifest import read_manifest, write_manifest
from lr_lightning.testing.synthetic_study import synthetic_manifest


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    manifest = synthetic_manifest(1, 2, 1, 3, runs_per_job=2)
    manifest = replace(manifest, cells=tuple(replace(cell, group="a", alone="callbacks") for cell in manifest.cells))
    folder = StudyFolder(tmp_path, "mine")
    write_manifest(folder, manifest)
    assert read_manifest(folder.manifest) == manifest


@pytest.mark.parametrize(("earlier", "unknown"), [(1, ("group", "alone")), (2, ("alone",))])
def test_earlier_formats_are_read(tmp_path: Path, earlier: int, unknown: tuple[str, ...]) -> None:
    manifest = synthetic_manifest(1, 2, 1, 3, runs_per_job=2)
    folder = StudyFolder(tmp_path, "mine")
    write_manifest(folder, manifest)
    values = json.loads(folder.manifest.read_text())
    assert values.pop("format") == 3
    if earlier == 1:
        values["seeds_per_job"] = values.pop("runs_per_job")
    for cell, name in itertools.product(values["cells"], unknown):
        del cell[name]
    folder.manifest.write_text(json.dumps({"format": earlier} | values))
    assert read_manifest(folder.manifest) == manifest


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path, "mine")
    write_manifest(folder, synthetic_manifest(1, 2, 1, 3))
    folder.manifest.write_text(folder.manifest.read_text().replace('"format": 3', '"format": 4'))
    with pytest.raises(ValueError, match="later version"):
        read_manifest(folder.manifest)
