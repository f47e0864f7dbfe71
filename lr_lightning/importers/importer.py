"""What a reader of a foreign format provides."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor


@dataclass(frozen=True)
class ImportedModel:
    """A trained model of another project, in terms of this package.

    Attributes:
        config: A training config, plain values; it may include packaged ones. It names the model's class and network,
            the data that it was trained on, and how it was trained, as far as that is known.
        weights: Weights of the model of ``config``, by their names in its state dict.
        step: Number of optimizer steps after which they were saved.
        weights_file: The file that they are from.
        notes: What the config cannot express, or what is not in the files; one sentence each.
    """

    config: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    step: int
    weights_file: Path
    notes: tuple[str, ...] = ()


class Importer(ABC):
    """Reads one format of trained models.

    Attributes:
        summary: Which models it reads, in one line.
        url: The project that publishes them.
        license: Its license, as an SPDX identifier.
    """

    summary: ClassVar[str]
    url: ClassVar[str]
    license: ClassVar[str]

    @abstractmethod
    def read(self, path: Path) -> ImportedModel:
        """Return the model in a file or folder; nothing in it is executed.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If a file is damaged, or has another format.
        """
