"""Random transforms of training images, drawn independently for each image."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import v2

from lr_lightning.common.checks import one_line
from lr_lightning.data.storage.fixed_transforms import check_transforms
from lr_lightning.data.storage.random_state import kept_random_state


class Augmentations:
    """Applies random transforms in order, with draws of their own for each image.

    A transform of torchvision draws once per call, for a whole batch. Here it is called image by image, each time after
    seeding the global generators of PyTorch, Python and NumPy, whose states are restored afterwards. Flips and crops
    also draw image by image, but are applied to the whole batch, which is faster and gives the same images.

    Args:
        transforms: Transforms that keep shape, dtype and value range of an image.
        seed: Any integer; determines all draws, together with the numbers given to :meth:`seeds`.

    Raises:
        TypeError: If ``transforms`` is not a sequence of transforms of ``torchvision.transforms.v2``.
    """

    def __init__(self, transforms: Sequence[v2.Transform], seed: int) -> None:
        check_transforms("augmentations", transforms)
        self._transforms = tuple(transforms)
        # The loader hashes the same seed for the order of samples: use another number of the stream
        drawn = torch.randint(2**62, (2,), generator=torch.Generator().manual_seed(seed))
        self._seed = int(drawn[1])

    def seeds(self, number: int, num_groups: int, num_members: int) -> Tensor:
        """Return the seed of each transform of each image in one training batch.

        Args:
            number: Number of the batch, counted from the beginning of training.
            num_groups: Samples, or groups of samples, in the batch of all processes.
            num_members: Images of each group.

        Returns:
            Shape ``(num_groups, num_members, T)`` int64, for ``T`` transforms; distinct with near certainty.
        """
        generator = torch.Generator().manual_seed(self._seed + number)
        return torch.randint(2**62, (num_groups, num_members, len(self._transforms)), generator=generator)

    def __call__(self, images: Tensor, seeds: Tensor) -> Tensor:
        """Transform each image by its own draws; the global generators stay as they are.

        Args:
            images: ``(N, C, H, W)``, on any device.
            seeds: A seed for each image and transform, shape ``(N, T)`` int64.

        Returns:
            New images, of the shape and dtype of ``images``.

        Raises:
            ValueError: If a transform fails, or the results do not have the shape and dtype of ``images``.
        """
        results: Any = images
        with kept_random_state(images.device):
            for transform, own_seeds in zip(self._transforms, seeds.T.tolist(), strict=True):
                results = _apply(transform, results, own_seeds, images.device)
        self._check_kept(results, images)
        return results  # type: ignore[no-any-return]

    def check(self, images: Tensor) -> None:
        """Try the transforms on a training batch, so that errors appear before the first step.

        Args:
            images: ``(N, C, H, W)``, at least one, on the device of training.

        Raises:
            ValueError: As for a call, or if no transform draws random numbers, or if float images leave ``[0, 1]``.
        """
        results = self(images, self.seeds(0, len(images), 1)[:, 0])
        if not self._draw_numbers(images):
            raise ValueError(
                f"augmentations must be random, but {self._names()} draws no random numbers; use it in transforms of "
                "the data set, which are applied once"
            )
        if images.is_floating_point():
            (low, high), (least, greatest) = (torch.stack(each.aminmax()).tolist() for each in (results, images))
            if low < min(0, least) or high > max(1, greatest):
                raise ValueError(
                    f"augmentations must keep images in [0, 1], got values from {low:.3g} to {high:.3g} from "
                    f"{self._names()}; change its parameters"
                )

    def _draw_numbers(self, images: Tensor) -> bool:
        """Return whether transforming one of ``images`` advances a global generator."""
        transform = v2.Compose(self._transforms)
        with kept_random_state(images.device) as has_advanced:
            for image in images:
                transform(image.clone())
                if has_advanced():
                    return True
        return False

    def _check_kept(self, results: Tensor | list[Any], images: Tensor) -> None:
        """Raise ``ValueError`` unless ``results`` are images like ``images``."""
        if isinstance(results, Tensor) and results.shape == images.shape and results.dtype == images.dtype:
            return
        expected = _description(images[0])
        got = next(found for found in map(_description, results) if found != expected)
        hint = "give it the size of the images, or transform them in transforms of the data set"
        if not got.startswith(str(images.dtype).removeprefix("torch.")):
            hint = "leave out what changes the type, such as ToDtype and Normalize: models get images in [0, 1] anyway"
        raise ValueError(f"augmentations must return images {expected}, got {got} from {self._names()}; {hint}")

    def _names(self) -> str:
        return ", ".join(type(transform).__name__ for transform in self._transforms)


def _apply(
    transform: v2.Transform, images: Tensor | list[Any], seeds: list[int], device: torch.device
) -> Tensor | list[Any]:
    """Transform each image with its seed; the results are one tensor if they fit into one."""
    on_batch = _ON_BATCHES.get(type(transform))
    try:
        if on_batch is not None and isinstance(images, Tensor):
            return on_batch(transform, images, seeds)
        results = []
        for image, seed in zip(images, seeds, strict=True):
            _seed_generators(seed, device)
            results.append(transform(image))
    except Exception as error:  # transforms of users may fail in any way
        raise ValueError(
            f"augmentations: {type(transform).__name__} failed on an image {_description(images[0])} "
            f"({one_line(error).rstrip('.') or type(error).__name__}); fix its parameters or remove it"
        ) from error
    one_kind = len({_description(result) for result in results}) == 1 and isinstance(results[0], Tensor)
    return torch.stack(results) if one_kind else results


def _flip(transform: Any, images: Tensor, seeds: list[int]) -> Tensor:
    """Flip a part of the images, those that the transform would flip after seeding."""
    generator = torch.Generator()
    draws = torch.stack([torch.rand(1, generator=generator.manual_seed(seed)) for seed in seeds])  # (N, 1)
    flipped = (draws < transform.p).view(-1, 1, 1, 1).to(images.device)
    return torch.where(flipped, transform.transform(images, {}), images)


def _crop(transform: Any, images: Tensor, seeds: list[int]) -> Tensor:
    """Pad all images alike and crop each where the transform would crop it after seeding."""
    crops = []
    for seed in seeds:
        torch.default_generator.manual_seed(seed)
        crops.append(transform.make_params([images[0]]))
    padded = transform.transform(images, crops[0] | {"needs_crop": False})
    return torch.stack(
        [
            image[:, crop["top"] : crop["top"] + crop["height"], crop["left"] : crop["left"] + crop["width"]]
            for image, crop in zip(padded, crops, strict=True)
        ]
    )


_ON_BATCHES: dict[type[v2.Transform], Callable[[Any, Tensor, list[int]], Tensor]] = {
    v2.RandomCrop: _crop,
    v2.RandomHorizontalFlip: _flip,
    v2.RandomVerticalFlip: _flip,
}
"""Transforms of a whole batch with the draws that a transform makes for each image."""


def _description(image: Any) -> str:
    """Return type and shape of an image."""
    if not isinstance(image, Tensor):
        return type(image).__name__
    return f"{str(image.dtype).removeprefix('torch.')} {tuple(image.shape)}"


def _seed_generators(seed: int, device: torch.device) -> None:
    """Seed the global generators; ``torch.manual_seed`` would also seed those of other devices."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index].manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - the global generator, from which a transform may draw
