"""Facts about a data set that are known before it is opened."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.storage.public_file import PublicFile


@dataclass(frozen=True)
class DataSetRecord:
    """Facts about a data set that are known before it is opened; its class carries them in ``records``.

    All paths are relative to the folder of the data sets.

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
        bits_per_value: Bits that each value of an observation takes when the set is held in memory: 8 for uint8, 1 for
            packed binary images, 32 for float32; 0 if observations are drawn on demand.
        rendered_path: Where ``lr-lightning data render`` writes a rendered set. Needs a ``twin``, which reads the file.
        twin: Name of the rendered twin of a public set, or of the public set that a rendered one stands for.
        sprites: Name of the set that a variant paints, passed as its argument ``sprites``.
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
        """Bytes that all observations take in memory; 0 if they are drawn on demand."""
        return self.num_samples * prod(self.image_shape) * self.bits_per_value // 8

    def is_present(self, root: Path) -> bool:
        """Return whether all files to download are in ``root``; true if there are none."""
        return all((root / file.path).is_file() for file in self.files)

    def paths(self, root: Path) -> list[Path]:
        """Return where the files of the set are or will be in ``root``, downloaded and rendered ones."""
        rendered = [] if self.rendered_path is None else [self.rendered_path]
        return [root / path for path in [file.path for file in self.files] + rendered]

    def init_args(self, root: Path) -> dict[str, Any]:
        """Return the arguments with which the class opens the set in ``root``."""
        location = {} if self.path is None else {self.path_argument: root / self.path}
        return {**location, **self.options}
