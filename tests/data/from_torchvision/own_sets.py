"""Data sets as a user may define them."""

import socket
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset
from torchvision.datasets import VisionDataset


class Samples(Dataset[Any]):
    """Returns prepared samples."""

    samples: tuple[Any, ...] = ()

    def __init__(self, keep: int | None = None) -> None:
        self.kept = self.samples[:keep]

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, index: int) -> Any:
        return self.kept[index]


def sample(target: Any, shape: tuple[int, ...] = (3, 4, 5)) -> Any:
    """An image and a target."""
    return torch.zeros(shape, dtype=torch.uint8), target


class Connecting(VisionDataset):  # type: ignore[misc]
    """Connects in its constructor, whether it may download or not."""

    address: tuple[str, int] = ("127.0.0.1", 9)
    swallow = False
    received = b""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        try:
            with socket.create_connection(self.address, timeout=5) as connection:
                connection.sendall(b"GET /secret HTTP/1.0\r\n\r\n")
                type(self).received = connection.recv(100)
        except OSError:
            if not self.swallow:
                raise

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        return sample(index)


class Marked(VisionDataset):  # type: ignore[misc]
    """Reads the brightness of its images from a file."""

    def __init__(self, root: str, file: str = "levels.txt", split: str = "train") -> None:
        super().__init__(root)
        self.levels = [int(level) for level in Path(root, file).read_text().split()]
        self.split = split

    def __len__(self) -> int:
        return len(self.levels)

    def __getitem__(self, index: int) -> Any:
        return torch.full((1, 4, 4), self.levels[index], dtype=torch.uint8), self.levels[index] % 2


class MarkedIn(Marked):
    """The same with a file in another folder."""

    def __init__(self, root: str, folder: str) -> None:
        super().__init__(folder)


class RandomImages(Samples):
    """Draws each image anew from a global generator."""

    def __init__(self) -> None:
        super().__init__()
        torch.rand(1)

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        return torch.randint(256, (1, 4, 4), dtype=torch.uint8), index
