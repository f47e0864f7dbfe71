"""Torchvision's transforms in configs."""

from collections.abc import Sequence
from typing import Any

import pytest
import yaml
from jsonargparse import ArgumentError, ArgumentParser
from torchvision.transforms import v2

from lr_lightning.commands.config.completion import check_serializable
from lr_lightning.commands.config.registered_names import with_class_paths, words_with_class_paths
from lr_lightning.commands.config.transform_arguments import register_numbers, transform_path

PACKAGE = "torchvision.transforms.v2"
# transforms of single images with arguments of every type that torchvision's random transforms have
LIST: list[Any] = [
    "RandomHorizontalFlip",
    {"class_path": "RandomRotation", "init_args": {"degrees": 10}},
    {"class_path": "RandomAffine", "init_args": {"degrees": [-2.5, 2.5], "translate": [0.1, 0.1], "shear": 3}},
    {"class_path": "RandomCrop", "init_args": {"size": [8, 8], "padding": [1, 2], "fill": [1, 2, 3]}},
    {"class_path": "RandomResizedCrop", "init_args": {"size": 8, "scale": [0.8, 1.0], "interpolation": "bicubic"}},
    {"class_path": "RandomApply", "init_args": {"transforms": ["RandomInvert", {"class_path": "ColorJitter"}]}},
    {"class_path": "GaussianBlur", "init_args": {"kernel_size": 3, "sigma": [0.1, 1.0]}},
    {"class_path": "RandomErasing", "init_args": {"value": 0.5}},
    *({"class_path": name} for name in ("AutoAugment", "RandAugment", "TrivialAugmentWide", "AugMix")),
    *({"class_path": name} for name in ("RandomPerspective", "ElasticTransform", "RandomPhotometricDistort")),
    {"class_path": "JPEG", "init_args": {"quality": [50, 90]}},
]


class Data:
    """Takes augmentations as the data module does."""

    def __init__(self, augmentations: Sequence[v2.Transform] | None = None) -> None:
        self.augmentations = augmentations or ()


@pytest.fixture
def parser() -> ArgumentParser:
    register_numbers()
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Data, "data")
    return parser


def test_every_kind_of_argument_is_read_and_written(parser: ArgumentParser) -> None:
    resolved = with_class_paths({"data": {"augmentations": LIST}})
    config = parser.parse_object(resolved)
    text = parser.dump(config, skip_none=False)
    check_serializable(yaml.safe_load(text))
    again = parser.parse_string(text)
    assert parser.dump(again, skip_none=False) == text
    transforms = parser.instantiate_classes(again).data.augmentations
    names = [entry if isinstance(entry, str) else entry["class_path"] for entry in LIST]
    assert [type(transform).__name__ for transform in transforms] == names
    assert transforms[1].degrees == [-10.0, 10.0]
    assert [type(inner) for inner in transforms[5].transforms] == [v2.RandomInvert, v2.ColorJitter]


@pytest.mark.parametrize("degrees", [True, "ten", None])
def test_what_is_no_number_is_refused(parser: ArgumentParser, degrees: Any) -> None:
    rotation = {"class_path": f"{PACKAGE}.RandomRotation", "init_args": {"degrees": degrees}}
    with pytest.raises(ArgumentError, match="degrees"):
        parser.parse_object({"data": {"augmentations": [rotation]}})


def test_short_names_are_those_of_transforms() -> None:
    assert transform_path("RandomCrop") == f"{PACKAGE}.RandomCrop"
    for name in ("mine.Crop", "functional", "InterpolationMode", "RandomCorp"):
        assert transform_path(name) is None
    assert with_class_paths({"dataset": {"init_args": {"transforms": ["Resize", "mine.Crop"]}}}) == {
        "dataset": {"init_args": {"transforms": [f"{PACKAGE}.Resize", "mine.Crop"]}}
    }
    words = ["--data.augmentations+={class_path: RandomApply, init_args: {transforms: [RandomInvert]}}"]
    assert f'"{PACKAGE}.RandomInvert"' in words_with_class_paths(words)[0]
