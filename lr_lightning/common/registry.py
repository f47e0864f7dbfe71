"""Finds classes by name (built-in or from an installed package) or by import path."""

import importlib
import sys
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from typing import Any, Generic, TypeVar

from lr_lightning.common.checks import one_line
from lr_lightning.common.working_folder import working_folder_hint

T = TypeVar("T")


class Registry(Collection[str], Generic[T]):
    """Classes of one kind by name. Each class is imported on first use.

    Names come from this package and from the entry points of installed packages. Wherever a name is accepted, so is an
    import path, ``"package.module.Class"``.

    Args:
        kind: What the classes are, as shown in messages, e.g. ``"assay"``.
        base: Base class of every entry.
        entries: Built-in classes: import path ``"package.module:Class"`` by name, in display order.
        group: Entry-point group, e.g. ``"lr_lightning.assays"``.

    Example:
        >>> from collections import Counter
        >>> registry = Registry("mapping", dict, {"counter": "collections:Counter"}, group="example.mappings")
        >>> registry["counter"] is Counter and registry["collections.OrderedDict"].__name__
        'OrderedDict'
        >>> registry["conter"]
        Traceback (most recent call last):
        ValueError: there is no mapping 'conter'; did you mean counter?
    """

    def __init__(self, kind: str, base: type[T], entries: Mapping[str, str], *, group: str) -> None:
        self.kind = kind
        self.base = base
        self.entries = entries
        self.group = group

    @classmethod
    def of_exports(cls, kind: str, base: type[T], exports: Mapping[str, Any], *, group: str) -> "Registry[T]":
        """Return the registry of the classes that a package exports, under the names of the classes.

        Args:
            kind: As for the constructor, and so are ``base`` and ``group``.
            base: The class that each of them extends; it is left out itself, and so are abstract classes.
            exports: The names in the package; ``globals()`` at the end of its ``__init__``.
            group: Group of entry points.
        """
        entries = {
            name: f"{each.__module__}:{each.__qualname__}"
            for name, each in exports.items()
            if isinstance(each, type) and issubclass(each, base) and each is not base and not isabstract(each)
        }
        return cls(kind, base, entries, group=group)

    @cached_property
    def _installed(self) -> tuple[EntryPoint, ...]:
        """Entry points of installed packages; finding them takes milliseconds, so they are looked for once."""
        return tuple(sorted(entry_points(group=self.group)))

    @cached_property
    def plugins(self) -> Mapping[str, EntryPoint]:
        """Entry points of installed packages by name; of several with one name, the first."""
        found: dict[str, EntryPoint] = {}
        for entry in self._installed:
            found.setdefault(entry.name, entry)
        return found

    @cached_property
    def clashes(self) -> Mapping[str, tuple[str, ...]]:
        """Where the classes are that share a name, by name; such a name cannot be used, all others can."""
        paths: dict[str, dict[str, None]] = {name: {path: None} for name, path in self.entries.items()}
        for entry in self._installed:
            paths.setdefault(entry.name, {})[entry.value] = None
        return {name: tuple(found) for name, found in paths.items() if len(found) > 1}

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self.entries, *self.plugins]))

    def __len__(self) -> int:
        return len({*self.entries, *self.plugins})

    def __contains__(self, name: object) -> bool:
        return name in self.entries or name in self.plugins

    def __getitem__(self, name: str) -> type[T]:
        """Return the class called ``name``, or the one at the import path ``name``.

        Raises:
            ValueError: If there is no such class, two packages use its name, or it cannot be imported, is abstract, or
                does not extend ``base``.
        """
        self._check_unique(name)
        if name in self.entries:
            path = self.entries[name]
        elif name in self.plugins:
            path = self.plugins[name].value
        elif "." in name.strip("."):
            path = ":".join(name.rsplit(".", 1))
        else:
            close = get_close_matches(name, self, n=1)
            hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(self)}"
            raise ValueError(f"there is no {self.kind} {name!r}; {hint}")
        return self._load(name, path)

    def import_own(self) -> None:
        """Import the classes of this package, so that configs can name them without their module."""
        for name in self.entries:
            self[name]

    def class_path(self, name: str) -> str | None:
        """Return the import path of a class that is known here by a name other than its own, or is of another package.

        Args:
            name: A name of the registry, or the name of a class that an installed package provides.

        Returns:
            The shortest path, such as ``"package.Class"``; ``None`` if there is no such class, or if ``name`` is the
            name of a class of this package, which needs no path.

        Raises:
            ValueError: If it cannot be imported, or does not extend ``base``.
        """
        paths = {name: path for name, path in self.entries.items() if not path.endswith(f":{name}")}
        paths |= {entry.attr: entry.value for entry in self.plugins.values() if entry.attr not in self.entries}
        paths |= {entry.name: entry.value for entry in self.plugins.values()}
        if name not in paths:
            return None
        self._check_unique(name)
        return public_path(self._load(name, paths[name]))

    def name_of(self, cls: type[T]) -> str | None:
        """Return the name of ``cls``, ``None`` if it has none."""
        path = f"{cls.__module__}:{cls.__qualname__}"
        values = {**self.entries, **{name: entry.value for name, entry in self.plugins.items()}}
        return next((name for name, value in values.items() if value == path or self._is(name, cls)), None)

    def _is(self, name: str, cls: type[T]) -> bool:
        """Return whether an entry point refers to ``cls`` by a path other than the one where it is defined."""
        if name not in self.plugins or name in self.clashes or self.plugins[name].attr != cls.__qualname__:
            return False
        return self[name] is cls

    def _check_unique(self, name: str) -> None:
        if name in self.clashes:
            raise ValueError(
                f"the {self.kind} {name!r} is defined twice, by {' and by '.join(self.clashes[name])}; rename one of "
                f"the entry points of group {self.group!r}, or uninstall one of the packages"
            )

    def _load(self, name: str, path: str) -> type[T]:
        module, _, attribute = path.partition(":")
        try:
            imported = importlib.import_module(module)
        except Exception as error:  # a package of others may fail in any way
            hint = working_folder_hint(error.name) if isinstance(error, ModuleNotFoundError) else ""
            raise ValueError(
                f"the {self.kind} {name!r} cannot be imported from {module}: "
                f"{one_line(error) or type(error).__name__}{hint}"
            ) from error
        found = getattr(imported, attribute, None)
        if found is None:
            close = get_close_matches(attribute, dir(imported), n=1)
            hint = f"; did you mean {module}.{close[0]}?" if close else ""
            raise ValueError(f"there is no {self.kind} {name!r}: {module} has no {attribute!r}{hint}")
        if not (isinstance(found, type) and issubclass(found, self.base)):
            raise ValueError(f"{path.replace(':', '.')} is not a class that extends {self.base.__qualname__}")
        if isabstract(found):
            missing = ", ".join(sorted(found.__abstractmethods__))  # type: ignore[attr-defined]
            raise ValueError(f"{path.replace(':', '.')} is abstract: a subclass must implement {missing}")
        return found


def public_path(cls: type) -> str:
    """Return the shortest import path of a class, which stays valid when modules move inside their package.

    Example:
        >>> from concurrent.futures.thread import ThreadPoolExecutor
        >>> public_path(ThreadPoolExecutor)
        'concurrent.futures.ThreadPoolExecutor'
    """
    parts = cls.__module__.split(".")
    packages = (".".join(parts[:length]) for length in range(1, len(parts)))
    exporting = (package for package in packages if getattr(sys.modules.get(package), cls.__qualname__, None) is cls)
    return f"{next(exporting, cls.__module__)}.{cls.__qualname__}"
