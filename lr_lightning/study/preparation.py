"""Makes the manifest of a study and the configs of its cells, all that is needed to run it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lr_lightning.commands.config.reading import read_config_file
from lr_lightning.commands.run.folder import check_writable
from lr_lightning.common.files import write_atomically
from lr_lightning.common.renamed_keys import with_current_names
from lr_lightning.study.definition import StudyDefinition
from lr_lightning.study.identity import differences, training_values
from lr_lightning.study.layout import CELL_CONFIG, RUNS, StudyFolder, cell_folder
from lr_lightning.study.manifest import Manifest, read_manifest, write_manifest
from lr_lightning.study.resolution import ResolvedStudy, resolve_study


def make_manifest(definition: StudyDefinition) -> Manifest:
    """Return the manifest of a study; nothing is written.

    Raises:
        UsageError: As :func:`~lr_lightning.study.resolution.resolve_study`.
    """
    return resolve_study(definition).manifest


def prepare_study(definition: StudyDefinition, root: Path) -> tuple[Manifest, str]:
    """Write the manifest of a study, a copy of its file, and the config of each cell.

    Args:
        definition: The study.
        root: Folder of all studies.

    Returns:
        The manifest, and a sentence about how it differs from the one that was there; empty if it does not differ, or
        there was none.

    Raises:
        UsageError: As :func:`~lr_lightning.study.resolution.resolve_study`.
        FileNotFoundError: If files of a data set are missing.
        ValueError: If the runs of a cell were made by a version with other defaults, or a file of the study is damaged.
        OSError: If a file cannot be written.
    """
    resolved = resolve_study(definition)
    if resolved.missing:
        more = f" ({len(resolved.missing) - 1} more data sets are missing)" if len(resolved.missing) > 1 else ""
        raise FileNotFoundError(f"{resolved.missing[0]}{more}")
    folder = StudyFolder(root, definition.name)
    check_writable(root / RUNS, "folder of the runs", "--root")
    change = change_on_disk(resolved, root)
    for cell, config in resolved.configs.items():
        _write(cell_folder(root, cell) / CELL_CONFIG, _text(config))
    _write(folder.definition, definition.path.read_text(encoding="utf-8"))
    if not folder.manifest.exists() or read_manifest(folder.manifest) != resolved.manifest:
        write_manifest(folder, resolved.manifest)
    return resolved.manifest, change


def change_on_disk(resolved: ResolvedStudy, root: Path) -> str:
    """Return a sentence about how a study differs from its manifest on disk; empty if it does not, or there is none.

    Raises:
        ValueError: If the runs of a cell were made by a version with other defaults, or a file of the study is damaged.
    """
    _check_cells(root, resolved)
    path = StudyFolder(root, resolved.manifest.name).manifest
    return manifest_change(read_manifest(path), resolved.manifest) if path.exists() else ""


def manifest_change(before: Manifest, after: Manifest) -> str:
    """Return a sentence about how the runs of a study have changed with its file; empty if they have not."""
    cells_before, cells_after = ({cell.identity for cell in each.cells} for each in (before, after))
    parts = _counted(len(cells_before), len(cells_after), len(cells_before & cells_after), "cell")
    seeds_before, seeds_after = set(before.seeds), set(after.seeds)
    if seeds_before != seeds_after:
        parts += _counted(len(seeds_before), len(seeds_after), len(seeds_before & seeds_after), "seed")
    if before.evaluation.digest != after.evaluation.digest:
        parts.append("all runs are evaluated anew")
    unchanged = cells_before == cells_after and len(parts) == 1
    return "" if unchanged else f"the study has changed since it was begun: {', '.join(parts)}"


def _counted(before: int, after: int, kept: int, what: str) -> list[str]:
    """Return how many are kept, are new, and leave the study."""
    found = [f"{_number(kept, what)} kept"]
    if after > kept:
        found.append(f"{_number(after - kept, what)} new")
    if before > kept:
        found.append(f"{_number(before - kept, what)} no longer part of it (the runs stay on disk)")
    return found


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _check_cells(root: Path, resolved: ResolvedStudy) -> None:
    """Raise ``ValueError`` if the config of a cell on disk has other values that affect training."""
    for cell, config in resolved.configs.items():
        path = cell_folder(root, cell) / CELL_CONFIG
        if not path.exists() or path.read_text(encoding="utf-8") == _text(config):
            continue
        old = with_current_names(read_config_file(path))
        for key, earlier, now in _changes(path, old, config):
            raise ValueError(
                f"{path.parent} has runs of another version of lr-lightning, in which {key} was {earlier}, not {now}; "
                "move this folder away to train its runs again"
            )


def _changes(path: Path, old: Any, config: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    if not isinstance(old, Mapping):
        raise ValueError(f"{path} is not the config of a cell; remove it")
    try:
        before = training_values(old, defaults=True)
    except (AttributeError, ImportError, ValueError) as error:
        raise ValueError(f"{path} cannot be read by this version of lr-lightning ({error}); move it away") from error
    return list(differences(before, training_values(config, defaults=True)))


def _text(config: Mapping[str, Any]) -> str:
    """Return the text of the config of a cell."""
    text: str = yaml.dump(dict(config), Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)
    return text


def _write(path: Path, text: str) -> None:
    """Write a file unless it has this text already."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_atomically(path, lambda file: file.write(text.encode()))
