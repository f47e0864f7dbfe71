"""Open the data set that a user names on the command line."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from lr_lightning.commands.messages import plain_message
from lr_lightning.commands.progress import progress_bar
from lr_lightning.common.registry import public_path
from lr_lightning.data.custom.custom_dataset import CustomDataset
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.opening import open_data_set
from lr_lightning.data.registry import DATA_SETS, OWN_DATA, import_data_sets


def is_description(name: str) -> bool:
    """Return whether ``name`` is a YAML file, which describes a data set of the user."""
    return name.endswith((".yaml", ".yml"))


def is_class(name: str) -> bool:
    """Return whether ``name`` is a class: one of ``lr_lightning.data``, or an import path."""
    return name in _known_classes() or ("." in name and not is_description(name) and not Path(name).is_dir())


def closest_class(name: str) -> str | None:
    """Return the class of ``lr_lightning.data`` with the most similar name, if any is similar."""
    return next(iter(get_close_matches(name, _known_classes(), n=1)), None)


def open_named(name: str, root: Path, arguments: Sequence[str] = ()) -> FactorDataset:
    """Open a data set.

    Args:
        name: Name of a known set, a YAML file as for :class:`~lr_lightning.data.CustomDataset`, or a class: one of
            ``lr_lightning.data``, or an import path.
        root: Folder of the data sets.
        arguments: Arguments of a class, such as ``["--dataset.seed", "1"]``.

    Raises:
        ValueError: If there is no such set, or arguments are given with anything but a class or are wrong for it.
        OSError, ValueError: As the set raises them.
    """
    if is_class(name):
        return _instantiate(_known_classes().get(name, name), root, arguments)
    if arguments:
        raise ValueError(f"{name} takes no {arguments[0]}; only a class takes arguments, such as ColorDSprites")
    return CustomDataset(name) if is_description(name) else open_data_set(name, root)


def prepare_cache(dataset: FactorDataset, *, verify: bool = False) -> Path | None:
    """Convert the files of a set for fast reading unless that is done, showing a progress bar.

    Args:
        dataset: Any set.
        verify: Compare the checksums of an existing cache, and rebuild it if damaged.

    Returns:
        The cache; ``None`` if the set has none.
    """
    with progress_bar(f"converting {dataset.name}") as advance:
        return dataset.prepare(verify=verify, progress=advance)


def _instantiate(path: str, root: Path, arguments: Sequence[str]) -> FactorDataset:
    """Return an instance of the class at ``path``, which opens its files in ``root`` unless ``arguments`` differ."""
    from jsonargparse import ArgumentError, ArgumentParser

    from lr_lightning.commands.config.transform_arguments import transform_names  # imports torchvision

    import_data_sets()  # so that arguments can name classes without their module
    cls = DATA_SETS[path]
    # the class of several sets cannot know which of them is meant
    known = cls.records[0].init_args(root) if len(cls.records) == 1 else {}
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--dataset", type=FactorDataset, default={"class_path": public_path(cls), "init_args": known})
    try:
        config = parser.parse_args(arguments)
    except ArgumentError as error:
        raise ValueError(plain_message(error, (), {*_known_classes(), *transform_names()})) from error
    dataset: FactorDataset = parser.instantiate_classes(config).dataset
    return dataset


def _known_classes() -> dict[str, str]:
    """Return the import paths of the classes that can be given without their module, by name."""
    own = {entry.partition(":")[2] for entry in DATA_SETS.entries.values()} | {*OWN_DATA}
    return {name: f"lr_lightning.data.{name}" for name in own}
