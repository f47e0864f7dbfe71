"""Facts about a data set that are known without opening it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.storage.public_file import PublicFile

ProgressBar = Callable[[str], AbstractContextManager[Callable[[int, int | None], None]]]
"""Shows a progress bar with a title; yields a function that takes the bytes received and the total."""


@dataclass(frozen=True)
class DataSetRecord:
    """Facts about a data set that are known without opening it, listed in the ``records`` of its class.

    A subclass may override :meth:`is_present`, :meth:`paths`, :meth:`file_lines` and :meth:`fetch`, and the property
    ``is_downloaded``, if the files of a set are not downloaded from fixed addresses.

    All paths are relative to the root folder of the data sets.

    Attributes:
        name: Name on the command line and of the opened set.
        title: One line that describes the observations.
        num_samples: Number of observations, over all splits.
        image_shape: Shape of one observation.
        factor_space: Its factors.
        license: License of the observations.
        files: Public files to download; none for sets that are generated.
        path: File or folder that the class opens; ``None`` if it opens none.
        path_argument: Argument of the class that takes this path.
        options: Further arguments of the class.
        bits_per_value: Bits per value when the set is held in memory: 8 for uint8, 1 for packed binary images, 32 for
            float32; 0 if observations are generated on demand.
        rendered_path: Where ``lr-lightning data render`` writes a rendered set. Requires a ``twin``, whose class reads
            the file.
        twin: Name of the rendered counterpart of a public set, or of the public counterpart of a rendered set.
        sprites: Name of the set whose sprites a dSprites variant paints; passed as its argument ``sprites``.
    """

    name: str
    title: str
    num_samples: int
    image_shape: tuple[int, ...]
    factor_space: FactorSpace
    license: str
    files: tuple[PublicFile, ...] = ()
    path: str | None = None
    path_argument: str = "path"
    options: Mapping[str, Any] = field(default_factory=dict)
    bits_per_value: int = 8
    rendered_path: str | None = None
    twin: str | None = None
    sprites: str | None = None

    @property
    def num_bytes(self) -> int:
        """Bytes that all observations take in memory; 0 if they are generated on demand."""
        return self.num_samples * prod(self.image_shape) * self.bits_per_value // 8

    @property
    def is_downloaded(self) -> bool:
        """Whether the set consists of public files."""
        return bool(self.files)

    def is_present(self, root: Path) -> bool:
        """Return whether all downloadable files are in ``root``; true if the set has none."""
        return all((root / file.path).is_file() for file in self.files)

    def paths(self, root: Path) -> list[Path]:
        """Return the paths in ``root`` of all downloaded and rendered files of the set, existing or not."""
        rendered = [] if self.rendered_path is None else [self.rendered_path]
        return [root / path for path in [file.path for file in self.files] + rendered]

    def file_lines(self) -> list[str]:
        """Return a description of each public file: path, addresses and how it is verified."""
        described = []
        for file in self.files:
            addresses = "".join(f"\n  url: {url}" for url in (file.url, *file.mirrors))
            described.append(f"file:  {file.path}{addresses}\n  {file.check}")
        return described

    def fetch(self, root: Path, *, remedy: str, bar: ProgressBar) -> Iterator[str]:
        """Download the public files that are not in ``root``, and verify all.

        Args:
            root: Root folder of the data sets.
            remedy: What the user can do without the server; ends error messages.
            bar: Shows the progress of each file.

        Yields:
            A line about each file, once it is there.

        Raises:
            ConnectionError, ValueError: As :meth:`~lr_lightning.data.PublicFile.fetch`.
        """
        for file in self.files:
            with bar(file.path) as advance:
                path = file.fetch(root, remedy=remedy, progress=advance)
            yield f"{path} is there, {file.check}"

    def init_args(self, root: Path) -> dict[str, Any]:
        """Return the constructor arguments that open the set in ``root``."""
        location = {} if self.path is None else {self.path_argument: root / self.path}
        return {**location, **self.options}
