"""Sort samples that torchvision leaves in the order of the file system, which differs between machines."""

from collections.abc import Callable, Mapping
from typing import Any


def _sort_omniglot(dataset: Any) -> None:
    """Sort characters and images by name."""
    old = dataset._characters
    dataset._characters = sorted(old)
    places = {name: place for place, name in enumerate(dataset._characters)}
    images = [(image, places[old[place]]) for image, place in dataset._flat_character_images]
    dataset._flat_character_images = sorted(images, key=lambda image: (image[1], image[0]))


def _sort_sun397(dataset: Any) -> None:
    """Sort images by path."""
    images = sorted(zip(dataset._image_files, dataset._labels, strict=True))
    dataset._image_files, dataset._labels = map(list, zip(*images, strict=True)) if images else ([], [])


def _sort_inaturalist(dataset: Any) -> None:
    """Sort images by category and name."""
    dataset.index.sort()


SORTED: Mapping[str, Callable[[Any], None]] = {
    "INaturalist": _sort_inaturalist,
    "Omniglot": _sort_omniglot,
    "SUN397": _sort_sun397,
}
"""Functions that sort the samples of a constructed data set, by the name of its class."""
