"""Transforms that are applied to each image once, before it is stored."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from torch import Tensor, nn
from torchvision.transforms import v2

from lr_lightning.common.checks import one_line
from lr_lightning.common.registry import public_path
from lr_lightning.data.storage.random_state import kept_random_state
from lr_lightning.data.storage.source_files import source_files

# Classes of torchvision that draw random numbers, apart from those called Random...
_RANDOM = {
    "AugMix",
    "AutoAugment",
    "ColorJitter",
    "CutMix",
    "ElasticTransform",
    "GaussianBlur",
    "GaussianNoise",
    "JPEG",
    "MixUp",
    "RandAugment",
    "ScaleJitter",
    "TrivialAugmentWide",
}
_REMEDY = "use it in augmentations of the data module, which are drawn anew for each batch"


class FixedTransforms:
    """Deterministic transforms of ``torchvision.transforms.v2``, applied in order to one image.

    Images before and after are uint8, so that they can be stored; models get them in ``[0, 1]``.

    A transform is refused if it is a random one of torchvision, if a global random generator of PyTorch, Python or
    NumPy advances while it is applied, or if it changes the first image in two different ways.

    Args:
        transforms: The transforms.

    Attributes:
        key: Identifies the transforms: a hash of their classes, parameters and order, and the version of torchvision.
        paths: Source files of classes that are not part of torchvision. A change to them may change the images.

    Raises:
        TypeError: If ``transforms`` is not a sequence of transforms of ``torchvision.transforms.v2``.
        ValueError: If a transform is random, or has a parameter that cannot be identified, such as a function.

    Example:
        >>> halve = FixedTransforms([v2.CenterCrop(64), v2.Resize(32)])
        >>> halve(torch.zeros(3, 80, 96, dtype=torch.uint8)).shape
        torch.Size([3, 32, 32])
    """

    def __init__(self, transforms: Sequence[v2.Transform]) -> None:
        check_transforms("transforms", transforms)
        self._transforms = tuple(transforms)
        modules = list(_modules(self._transforms))
        for module in modules:
            _check_not_random(module)
        description = [torchvision.__version__, *map(_parameters, self._transforms)]
        self.key = hashlib.blake2b(json.dumps(description).encode(), digest_size=8).hexdigest()
        self.paths = tuple(sorted({path for module in modules for path in source_files(type(module), "transforms")}))
        self._shape: tuple[int, ...] | None = None  # of all images, known once the first was transformed
        self._is_watched = False

    def __call__(self, image: Tensor) -> Tensor:
        """Transform one image.

        Args:
            image: ``(C, H, W)`` uint8 on the CPU, with one or three channels.

        Returns:
            ``(C', H', W')`` uint8, of the same shape for all images, with one or three channels.

        Raises:
            ValueError: If a transform fails or is random, or the result is not uint8, is not one image, or differs in
                shape from the first result.
        """
        if self._shape is None:
            result = self._apply(image.clone())  # a copy, in case a transform changes its input in place
            if not torch.equal(result, self._apply(image)):
                raise ValueError(f"transforms must be deterministic, but differ from one call to the next; {_REMEDY}")
            self._shape = tuple(result.shape)
            return result
        result = self._apply(image)
        if result.shape != self._shape:
            raise ValueError(
                f"transforms must give all images one shape, got {tuple(result.shape)} from an image "
                f"{tuple(image.shape)} and {self._shape} from the first image; append CenterCrop, or Resize with "
                "height and width (a single number is the length of the shorter side)"
            )
        return result

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch the random generators once for all calls inside the block, as needed for calls from several threads.

        Raises:
            ValueError: At the end of the block, if a global random generator has advanced.
        """
        with _no_random_draws(self._transforms):
            self._is_watched = True
            try:
                yield
            finally:
                self._is_watched = False

    def _apply(self, image: Tensor) -> Tensor:
        result: Any = image
        with nullcontext() if self._is_watched else _no_random_draws(self._transforms):
            for transform in self._transforms:
                try:
                    result = transform(result)
                except Exception as error:  # transforms of users may fail in any way
                    raise ValueError(
                        f"transforms: {type(transform).__name__} failed on an image {tuple(image.shape)} "
                        f"({one_line(error) or type(error).__name__}); fix its parameters or remove it"
                    ) from error
        return self._checked(result)

    def _checked(self, result: Any) -> Tensor:
        last = type(self._transforms[-1]).__name__ if self._transforms else "identity"
        if not isinstance(result, Tensor):
            raise ValueError(f"transforms must return one tensor, got {_kind(result)} from {last}; remove it")
        if result.dtype != torch.uint8:
            raise ValueError(
                f"transforms must return uint8, got {str(result.dtype).removeprefix('torch.')} from {last}; remove "
                "ToDtype and Normalize, or append ToDtype(torch.uint8, scale=True): models get images in [0, 1] anyway"
            )
        if result.ndim != 3 or result.shape[0] not in (1, 3) or 0 in result.shape:
            raise ValueError(
                f"transforms must return images (1, H, W) or (3, H, W), got {tuple(result.shape)} from {last}; remove "
                "or replace it"
            )
        return result.as_subclass(Tensor).contiguous()


@contextmanager
def _no_random_draws(transforms: Sequence[v2.Transform]) -> Iterator[None]:
    """Raise ``ValueError`` if a global random generator advances inside the block, and restore its state."""
    with kept_random_state() as has_advanced:
        yield
        moved = has_advanced()
    if moved:
        names = ", ".join(type(each).__name__ for each in transforms)
        raise ValueError(
            f"transforms must be deterministic, but {'one of ' * (len(transforms) > 1)}{names} draws random numbers; "
            f"{_REMEDY}"
        )


def check_transforms(argument: str, transforms: Sequence[v2.Transform]) -> None:
    """Raise ``TypeError`` if ``transforms``, the value of ``argument``, is not a sequence of transforms."""
    if not isinstance(transforms, Sequence):
        raise TypeError(f"{argument} must be a list of transforms, got {type(transforms).__name__}; put it in a list")
    for transform in transforms:
        if not isinstance(transform, v2.Transform):
            raise TypeError(
                f"{argument} must be transforms of torchvision.transforms.v2, got {_kind(transform)}; subclass "
                "torchvision.transforms.v2.Transform"
            )


def _modules(value: Any) -> Iterator[nn.Module]:
    """Yield all modules in a parameter, such as the transforms inside ``Compose``."""
    if isinstance(value, nn.Module):
        yield value
        value = vars(value)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _modules(each)


def _check_not_random(module: nn.Module) -> None:
    for cls in type(module).__mro__:
        if cls.__module__.startswith("torchvision.") and (cls.__name__.startswith("Random") or cls.__name__ in _RANDOM):
            raise ValueError(
                f"transforms must be deterministic, but {type(module).__name__} draws random numbers; {_REMEDY}"
            )


def _parameters(module: nn.Module) -> list[Any]:
    """Return the class of a transform and its parameters, as JSON can store them."""
    defaults = vars(nn.Module())  # hooks and flags: the same for all modules of a torch version
    return [
        public_path(type(module)),
        *(
            [name, _value(value, f"{name} of {type(module).__name__}")]
            for name, value in sorted(vars(module).items())
            if name not in defaults or value != defaults[name]
        ),
    ]


def _value(value: Any, where: str) -> list[Any]:
    """Return the type and content of a parameter, as JSON can store them."""
    kind = public_path(type(value))
    if isinstance(value, Enum):
        return [kind, value.name]
    if value is None or isinstance(value, bool | int | float | str | Path):
        return [kind, repr(value)]
    if isinstance(value, torch.dtype | torch.device | torch.layout | torch.memory_format | type):
        return [kind, public_path(value) if isinstance(value, type) else str(value)]
    if isinstance(value, Tensor | np.ndarray | np.generic):
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        if array.dtype != object:
            digest = hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=16).hexdigest()
            return [kind, str(array.dtype), list(array.shape), digest]
    if isinstance(value, nn.Module):
        return _parameters(value)
    if isinstance(value, dict):
        return [kind, *([_value(each, where), _value(entry, where)] for each, entry in value.items())]
    if isinstance(value, list | tuple):
        return [kind, *(_value(each, where) for each in value)]
    if isinstance(value, set | frozenset):
        return [kind, *sorted((_value(each, where) for each in value), key=str)]
    raise ValueError(
        f"transforms must have parameters that can be told apart later, got {_kind(value)} for {where}; use a subclass "
        "of torchvision.transforms.v2.Transform whose parameters are numbers, strings, lists or tensors"
    )


def _kind(value: Any) -> str:
    """Return what a value is: text itself, a function with its name, otherwise its class."""
    if isinstance(value, str):
        return repr(value)
    name = getattr(value, "__name__", None)
    return f"the {type(value).__name__} {name}" if isinstance(name, str) else public_path(type(value))
