"""Find a data set class of torchvision, choose the arguments of its split, and construct it."""

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol
from urllib.error import URLError

from lr_lightning.common.checks import one_line
from lr_lightning.data.from_torchvision.public_files import PublicFiles, known_files
from lr_lightning.data.from_torchvision.sorting import SORTED
from lr_lightning.data.from_torchvision.watch import Watch, watched
from lr_lightning.data.storage.memory_mapped_cache import FOLDER

Progress = Callable[[int, int | None], None]

_SPLIT_ARGUMENTS = ("train", "background", "split")
"""Arguments that select a split, in order of precedence: that of EMNIST called ``split`` does not."""

_ALL = {
    "CelebA": ("all",),
    "CLEVRClassification": ("train", "val"),
    "Country211": ("train", "valid", "test"),
    "DTD": ("train", "val", "test"),
    "FGVCAircraft": ("trainval", "test"),
    "Flowers102": ("train", "val", "test"),
    "Imagenette": ("train", "val"),
    "ImageNet": ("train", "val"),
    "OxfordIIITPet": ("trainval", "test"),
    "PCAM": ("train", "val", "test"),
    "Places365": ("train-standard", "val"),
    "RenderedSST2": ("train", "val", "test"),
}
"""Splits that together are all labeled samples, for classes where they are not train and test."""


_VALID_SPLITS = re.compile(r"argument split\. Valid values are \{(.*)\}")
"""Part of torchvision's message about an unknown split."""


class MapDataset(Protocol):
    """A data set of torchvision, or of a user: samples by index."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


def class_path(name: str) -> str:
    """Return the import path of a class given by name or path."""
    return name if "." in name else f"torchvision.datasets.{name}"


def is_of_torchvision(cls: type) -> bool:
    """Return whether a class is defined by torchvision, rather than by a user."""
    return cls.__module__.startswith("torchvision.")


def find_class(name: str) -> type[MapDataset]:
    """Return the class called ``name`` in ``torchvision.datasets``, or the one at the import path ``name``.

    Raises:
        ValueError: If there is no such class, it cannot be imported, or it has no samples by index.
    """
    module, _, attribute = class_path(name).rpartition(".")
    try:
        imported = import_module(module)
    except Exception as error:  # a module of the user may fail in any way
        raise ValueError(f"dataset {name!r} cannot be imported: {one_line(error) or type(error).__name__}") from error
    found = getattr(imported, attribute, None)
    if found is None:
        classes = [each for each, value in vars(imported).items() if isinstance(value, type)]
        close = get_close_matches(attribute, classes, n=1, cutoff=0.5)
        suggestion = f"did you mean {close[0]}?" if close else "give the name of a class there, or an import path"
        raise ValueError(f"dataset: there is no class {attribute!r} in {module}; {suggestion}")
    if not (isinstance(found, type) and hasattr(found, "__getitem__") and hasattr(found, "__len__")):
        raise ValueError(f"dataset must be a class with __getitem__ and __len__, got {name!r}")
    return found


def split_arguments(cls: type[MapDataset], split: str | None, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the arguments that construct a split: several sets of them if it is made of several splits of the class.

    Args:
        cls: The class.
        split: ``"train"``, ``"test"``, ``"all"``, or a split of the class; ``None`` for the default of the
            class, the training split, or everything if it has no splits.
        arguments: Further arguments of the class.

    Raises:
        ValueError: If the class has no such split, or does not take these arguments.
    """
    accepted = _parameters(cls)
    chosen = next((name for name in _SPLIT_ARGUMENTS if name in accepted), None)
    _check_arguments(cls, arguments, accepted, chosen)
    if chosen is None:
        if split not in (None, "all"):
            raise ValueError(f"split must be left out, as {cls.__name__} has no splits, got {split!r}")
        return [dict(arguments)]
    if split is None:
        default = accepted[chosen].default
        split = default if isinstance(default, str) else "train"
    if chosen == "split":
        together = _ALL.get(cls.__name__ if is_of_torchvision(cls) else "", ("train", "test"))
        values: tuple[Any, ...] = together if split == "all" else (split,)
    elif split not in ("train", "test", "all"):
        raise ValueError(f"split of {cls.__name__} must be train, test or all, got {split!r}")
    else:
        values = (True, False) if split == "all" else (split == "train",)
    return [{**arguments, chosen: value} for value in values]


def construct(
    cls: type[MapDataset], arguments: Mapping[str, Any], root: Path, *, download: bool, progress: Progress | None = None
) -> tuple[MapDataset, Watch]:
    """Construct a data set.

    Args:
        cls: The class.
        arguments: Its arguments other than ``root`` and ``download``.
        root: Folder of its files.
        download: Whether it may download them. If not, connections to the network are refused.
        progress: Called with the number of bytes downloaded of a file and in total.

    Returns:
        The data set, and which files it opened.

    Raises:
        ConnectionError: If it needs the network: without ``download``, or with it, but in vain.
        FileNotFoundError: If files are missing; the message lists them and the folder for them.
        OSError: If a file is damaged.
        ImportError: If it needs a package that is not installed.
        ValueError: If it rejects an argument.
    """
    if download and "download" in _parameters(cls):
        try:
            return _constructed(cls, arguments, root, download=False, may_connect=False, progress=progress)
        except OSError:  # files are missing or damaged
            # Constructed again below, so that archives do not count among the files that the samples depend on.
            with _without_empty_folders(root):
                _constructed(cls, arguments, root, download=True, may_connect=True, progress=progress)
    return _constructed(cls, arguments, root, download=False, may_connect=download, progress=progress)


def _constructed(
    cls: type[MapDataset],
    arguments: Mapping[str, Any],
    root: Path,
    *,
    download: bool,
    may_connect: bool,
    progress: Progress | None,
) -> tuple[MapDataset, Watch]:
    accepted = _parameters(cls)
    given = {"root": str(root), "download": download}
    given = {name: value for name, value in given.items() if name in accepted} | dict(arguments)
    own_name = cls.__name__ if is_of_torchvision(cls) else ""
    with watched(may_connect=may_connect) as watch, _quiet(progress), _without_caches():
        try:
            if download and own_name == "CelebA":
                _unpack_celeba(cls, root)
            dataset = cls(**given)
        except MemoryError:
            raise
        except Exception as error:  # torchvision raises many types, and a class of the user may raise any
            raise _explained(error, cls, given, root, watch) from error
    if watch.refused is not None:
        raise _network_needed(cls, watch)
    if own_name in SORTED:
        SORTED[own_name](dataset)
    return dataset, watch


@contextmanager
def _without_empty_folders(root: Path) -> Iterator[None]:
    """Remove the folders that a failed download has made and left empty."""
    made = [folder for folder in (root, *root.parents) if not folder.exists()]
    try:
        yield
    except Exception:
        inside = [path for path in root.rglob("*") if path.is_dir()] if made else []
        for folder in [*sorted(inside, reverse=True), *made]:
            with suppress(OSError):  # it is not empty
                folder.rmdir()
        raise


def _unpack_celeba(cls: Any, root: Path) -> None:
    """Unpack the images if the archive is in ``root``: torchvision only does so if it can download all files anyway.

    Raises:
        OSError: If the archive is damaged.
    """
    from torchvision.datasets.utils import check_integrity, extract_archive

    folder = root / cls.base_folder
    archive, images = folder / "img_align_celeba.zip", folder / "img_align_celeba"
    if images.exists() or not archive.is_file():
        return
    if not check_integrity(archive, next(md5 for _, md5, name in cls.file_list if name == archive.name)):
        raise OSError(f"the checksum of {archive} is not the published one; download it again")
    with TemporaryDirectory(dir=folder, prefix=".img_align_celeba.") as unfinished:
        extract_archive(archive, unfinished)
        Path(unfinished, images.name).rename(images)


def _explained(error: Exception, cls: type, arguments: Mapping[str, Any], root: Path, watch: Watch) -> Exception:
    """Return the error of a constructor as one sentence that says what to do."""
    name, text = cls.__name__, one_line(error) or type(error).__name__
    text = text.replace("File not found or corrupted.", "the downloaded file has a wrong checksum")
    files = known_files(name) if is_of_torchvision(cls) else PublicFiles()
    remedy = partial(files.remedy, root, has_download="download" in _parameters(cls))
    if watch.refused is not None:
        return _network_needed(cls, watch)
    if isinstance(error, ImportError):
        return ImportError(f"{name} requires another package ({text}); install it")
    if watch.may_connect and _is_of_download(error, text):
        return ConnectionError(f"{name} cannot be downloaded ({text}); {remedy(offline=True)}")
    if "not found" in text or isinstance(error, FileNotFoundError):
        missing = files.missing(root, arguments)
        if missing or not watch.opened or not files.needed:
            found = f"no {', '.join(missing)} in {root}" if missing else f"no files of {name} in {root}"
            reason = f" ({text})" if isinstance(error, FileNotFoundError) else ""
            return FileNotFoundError(f"{found}{reason}; {remedy(offline=False)}")
    read = watch.opened_in(root)
    if (valid := _VALID_SPLITS.search(text)) is not None:
        return ValueError(f"split of {name} must be {valid[1]} or 'all', got {arguments.get('split')!r}")
    if isinstance(error, ValueError | TypeError) and not read:
        return ValueError(f"{name} cannot be constructed: {text}")
    # the classes of torchvision stop at the first file with a wrong checksum
    reason = "its checksum is not the published one" if "corrupted" in text else text
    return OSError(f"{read[-1] if read else root} cannot be read by {name} ({reason}); {files.again(root)}")


def _is_of_download(error: Exception, text: str) -> bool:
    download_texts = ("download", "GDrive")
    return isinstance(error, URLError | ConnectionError | TimeoutError) or any(each in text for each in download_texts)


def _network_needed(cls: type, watch: Watch) -> ConnectionError:
    return ConnectionError(
        f"{cls.__name__} connects to {watch.refused} when it is constructed, which was refused before any data was "
        "loaded; allow it with download: true"
    )


def _parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Return the arguments of a class, including those that it passes on to its bases as ``**kwargs``."""
    found: dict[str, inspect.Parameter] = {}
    for base in inspect.getmro(cls):
        constructor = vars(base).get("__init__")
        if constructor is None or base is object:
            continue
        parameters = dict(list(inspect.signature(constructor).parameters.items())[1:])
        kinds = {parameter.kind for parameter in parameters.values()}
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        found = {name: parameter for name, parameter in parameters.items() if parameter.kind in named} | found
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            break
    return found


def _check_arguments(
    cls: type, arguments: Mapping[str, Any], accepted: Mapping[str, inspect.Parameter], chosen: str | None
) -> None:
    own = {"root": "root", "download": "download", "transform": "transforms", "transforms": "transforms"}
    for name in arguments:
        if name in own or name == chosen:
            raise ValueError(f"arguments must not contain {name!r}; use {own.get(name, 'split')} instead")
        if name not in accepted:
            others = sorted(accepted.keys() - own.keys() - {chosen, "target_transform"})
            close = get_close_matches(name, others, n=1)
            hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(others) or 'none'}"
            raise ValueError(f"arguments: {cls.__name__} has no argument {name!r}; {hint}")
    required = [name for name, parameter in accepted.items() if parameter.default is inspect.Parameter.empty]
    missing = [name for name in required if name not in arguments and name not in own and name != chosen]
    if missing:
        known = "".join(f"; {name} is one of {', '.join(getattr(cls, f'{name}s', ()))}" for name in missing)
        known = known if all(hasattr(cls, f"{name}s") for name in missing) else ""
        raise ValueError(f"arguments of {cls.__name__} must contain {', '.join(missing)}{known}")


@contextmanager
def _quiet(progress: Progress | None) -> Iterator[None]:
    """Drop what torchvision prints, and report its downloads to ``progress``.

    Without ``progress``, its own progress bar is shown if standard error is a terminal.
    """
    from torchvision.datasets import utils

    bar = utils.tqdm
    if progress is not None or not sys.stderr.isatty():
        utils.tqdm = lambda *_, total=None, **__: _Bar(progress, total)
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        utils.tqdm = bar


@contextmanager
def _without_caches() -> Iterator[None]:
    """Keep ``ImageFolder`` from taking a cache in its root, such as that of ``PictureFolder``, for an empty class."""
    from torchvision.datasets import folder

    find = folder.find_classes

    def find_classes(directory: str | Path) -> tuple[list[str], dict[str, int]]:
        names = [name for name in find(directory)[0] if name != FOLDER]
        if not names:
            raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
        return names, {name: index for index, name in enumerate(names)}

    folder.find_classes = find_classes
    try:
        yield
    finally:
        folder.find_classes = find


class _Bar:
    """The part of tqdm's interface that torchvision uses."""

    def __init__(self, progress: Progress | None, total: int | None) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, num_bytes: int) -> None:
        """Count bytes."""
        self._done += num_bytes
        if self._progress is not None:
            self._progress(self._done, self._total)
