"""Open the data set that a user names on the command line."""

from collections.abc import Sequence
from pathlib import Path

from lr_lightning.commands.messages import plain_message
from lr_lightning.commands.progress import progress_bar
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.opening import open_data_set
from lr_lightning.data.sets.custom_dataset import CustomDataset
from lr_lightning.data.sets.dsprites_variants import DSpritesVariant
from lr_lightning.data.storage.grid_file import GridFile


def is_description(name: str) -> bool:
    """Tell whether ``name`` is that of a YAML file, which describes a set of the user's."""
    return name.endswith((".yaml", ".yml"))


def open_named(name: str, root: Path, arguments: Sequence[str] = ()) -> FactorDataset:
    """Open a data set.

    Args:
        name: Name in the catalogue, a YAML file as of :class:`~lr_lightning.data.CustomDataset`, or a class: one of
            ``lr_lightning.data`` or an import path.
        root: Folder of the data sets.
        arguments: Arguments of a class, such as ``["--dataset.seed", "1"]``.

    Raises:
        KeyError: If there is no set of that name; the message lists the names.
        ValueError: If arguments are given for something else than a class, or are not those of the class.
        OSError, ValueError: As the set raises them.
    """
    if is_class(name):
        return _instantiate(name, arguments)
    if arguments:
        raise ValueError(f"{name} takes no {arguments[0]}; arguments can be given to a class, such as ColorDSprites")
    return CustomDataset(name) if is_description(name) else open_data_set(name, root)


def is_class(name: str) -> bool:
    """Tell whether ``name`` is that of a class: of ``lr_lightning.data``, or an import path."""
    return name in _known_classes() or ("." in name and not is_description(name))


def prepare_cache(dataset: FactorDataset, *, verify: bool = False) -> Path | None:
    """Convert a set's file to a memory-mapped cache where there is none yet, showing a progress bar.

    Args:
        dataset: Any set; of a variant of dSprites, the cache is that of its sprites.
        verify: Hold a cache that is there against its checksum, and convert anew if it is damaged.

    Returns:
        The cache; ``None`` if the set has none.
    """
    if isinstance(dataset, DSpritesVariant):
        dataset = dataset.sprites
    if not isinstance(dataset, GridFile) or dataset.storage != "cache":
        return None
    with progress_bar(f"converting {dataset.name}") as advance:
        dataset.prepare(verify=verify, progress=advance)
    return dataset.cache.path


def _instantiate(name: str, arguments: Sequence[str]) -> FactorDataset:
    from jsonargparse import ArgumentError, ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--dataset", type=FactorDataset)
    try:
        config = parser.parse_args([f"--dataset={name}", *arguments])
    except ArgumentError as error:
        raise ValueError(plain_message(error, (), _known_classes())) from error
    dataset: FactorDataset = parser.instantiate_classes(config).dataset
    return dataset


def _known_classes() -> list[str]:
    """Return the data sets that need no module in front of their names."""
    import lr_lightning.data

    public = {
        name: getattr(lr_lightning.data, name) for name in lr_lightning.data.__all__ if name != "FactorDataModule"
    }
    return [
        name for name, object_ in public.items() if isinstance(object_, type) and issubclass(object_, FactorDataset)
    ]
