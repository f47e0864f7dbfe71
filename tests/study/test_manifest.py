"""Manifests of earlier versions are read."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lr_lightning.study.layout import StudyFolder
from lr_lightning.study.manifest import read_manifest, write_manifest
from lr_lightning.testing.synthetic_study import synthetic_manifest


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    manifest = synthetic_manifest(1, 2, 1, 3, runs_per_job=2)
    manifest = replace(manifest, cells=tuple(replace(cell, group="a") for cell in manifest.cells))
    folder = StudyFolder(tmp_path, "mine")
    write_manifest(folder, manifest)
    assert read_manifest(folder.manifest) == manifest


def test_the_first_format_had_no_groups_of_cells(tmp_path: Path) -> None:
    manifest = synthetic_manifest(1, 2, 1, 3, runs_per_job=2)
    folder = StudyFolder(tmp_path, "mine")
    write_manifest(folder, manifest)
    values = json.loads(folder.manifest.read_text())
    assert values.pop("format") == 2
    values["seeds_per_job"] = values.pop("runs_per_job")
    for cell in values["cells"]:
        del cell["group"]
    folder.manifest.write_text(json.dumps({"format": 1} | values))
    assert read_manifest(folder.manifest) == manifest


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path, "mine")
    write_manifest(folder, synthetic_manifest(1, 2, 1, 3))
    folder.manifest.write_text(folder.manifest.read_text().replace('"format": 2', '"format": 3'))
    with pytest.raises(ValueError, match="later version"):
        read_manifest(folder.manifest)
