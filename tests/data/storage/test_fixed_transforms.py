"""Deterministic transforms: what they return, what identifies them, and what is refused."""

import inspect
import pickle
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from jsonargparse import ArgumentParser
from torch import Tensor
from torchvision import transforms as v1
from torchvision.transforms import InterpolationMode, v2
from typing_extensions import override

from lr_lightning.data.storage.fixed_transforms import FixedTransforms

IMAGE = torch.randint(256, (3, 12, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


class Brighten(v2.Transform):  # type: ignore[misc]
    """Adds a number to each pixel."""

    def __init__(self, amount: Any = 1) -> None:
        super().__init__()
        self.amount = amount

    @override
    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Any:
        return inpt + self.amount


class Calls(v2.Transform):  # type: ignore[misc]
    """Adds what a function returns."""

    def __init__(self, function: Callable[[], float]) -> None:
        super().__init__()
        self._function = [function]

    @override
    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        return (inpt + self._function[0]()).to(torch.uint8)


def states() -> tuple[list[int], object, list[int]]:
    numpy: Any = np.random.get_state()  # noqa: NPY002
    return torch.get_rng_state().tolist(), random.getstate(), [*numpy[1].tolist(), *numpy[2:]]


@pytest.fixture(autouse=True)
def same_random_states() -> Iterator[None]:
    """Nothing here may advance a global random generator."""
    before = states()
    yield
    assert states() == before


def test_transforms_are_applied_in_order() -> None:
    result = FixedTransforms([v2.CenterCrop(8), v2.Resize(4), v2.Grayscale()])(IMAGE)
    expected = v2.functional.rgb_to_grayscale(v2.functional.resize(IMAGE[:, 2:10, 6:14], [4, 4], antialias=True))
    assert type(result) is Tensor
    assert result.is_contiguous()
    assert torch.equal(result, expected)


def test_no_transform_changes_nothing() -> None:
    assert torch.equal(FixedTransforms([])(IMAGE), IMAGE)


def test_floats_on_the_way_are_fine() -> None:
    back = [v2.ToDtype(torch.float32, scale=True), v2.ToDtype(torch.uint8, scale=True)]
    assert torch.equal(FixedTransforms(back)(IMAGE), IMAGE)


def test_a_subclass_of_tensor_becomes_a_tensor() -> None:
    assert type(FixedTransforms([v2.ToImage()])(IMAGE)) is Tensor


def different_transforms() -> list[list[v2.Transform]]:
    """Return lists that all need different caches."""
    resize, crop = v2.Resize(8), v2.CenterCrop(4)
    amounts = [1, 2, 1.0, True, "1", None, (1,), [1], {1}, frozenset({1}), [[1], 2], [1, [2]], {"a": 1}, {"b": 1}]
    amounts += [{"a": 2}, np.uint8(1), np.int8(1), torch.zeros(2), torch.ones(2), torch.ones(2, 1), np.ones(2)]
    amounts += [Path("a"), torch.device("cpu"), torch.float16, Tensor, np.ndarray, InterpolationMode.NEAREST]
    return [
        [],
        [resize],
        [resize, crop],
        [crop, resize],
        [v2.Resize(9), crop],
        [resize, v2.CenterCrop((4, 5))],
        [v2.Resize(8, interpolation=InterpolationMode.NEAREST), crop],
        [v2.Resize(8, antialias=False), crop],
        [v2.Compose([resize, crop])],
        [v2.Compose([resize, v2.CenterCrop(5)])],
        [v2.Compose([resize, v2.Compose([crop])])],
        [v2.Pad(1)],
        [v2.Pad([1])],
        [v2.Pad(1, fill=1)],
        [v2.Pad(1, padding_mode="edge")],
        [v2.ToDtype(torch.uint8)],
        [v2.ToDtype(torch.float32)],
        [v2.ToDtype({Tensor: torch.float32})],
        [v2.ToDtype(torch.float32, scale=True)],
        *([Brighten(amount)] for amount in amounts),
    ]


def test_every_difference_changes_the_key() -> None:
    keys = [FixedTransforms(transforms).key for transforms in different_transforms()]
    assert len(set(keys)) == len(keys)
    assert keys == [FixedTransforms(pickle.loads(pickle.dumps(each))).key for each in different_transforms()]


def test_the_key_depends_on_the_version_of_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    key = FixedTransforms([v2.Resize(8)]).key
    monkeypatch.setattr(torchvision, "__version__", "0.0")
    assert FixedTransforms([v2.Resize(8)]).key != key


def test_the_key_does_not_depend_on_use() -> None:
    transforms = FixedTransforms([v2.Resize((8, 8))])
    key = transforms.key
    transforms(IMAGE)
    assert pickle.loads(pickle.dumps(transforms)).key == key == FixedTransforms([v2.Resize((8, 8))]).key


def test_files_of_own_classes_are_known() -> None:
    assert FixedTransforms([v2.Compose([v2.Compose([Brighten()])])]).paths == (Path(__file__),)
    assert FixedTransforms([v2.Resize(8)]).paths == ()


def test_a_class_without_a_file_is_refused() -> None:
    space: dict[str, Any] = {"__name__": "typed_in", "v2": v2}
    exec("class Typed(v2.Transform): pass", space)
    with pytest.raises(ValueError, match=r"Typed.*file"):
        FixedTransforms([space["Typed"]()])


DETERMINISTIC = {
    "CenterCrop",
    "ClampBoundingBoxes",
    "ClampKeyPoints",
    "Compose",
    "ConvertBoundingBoxFormat",
    "ConvertImageDtype",
    "FiveCrop",
    "Grayscale",
    "Identity",
    "Lambda",
    "LinearTransformation",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RGB",
    "Resize",
    "SanitizeBoundingBoxes",
    "SanitizeKeyPoints",
    "SetClampingMode",
    "TenCrop",
    "ToDtype",
    "ToImage",
    "ToPILImage",
    "ToPureTensor",
    "ToTensor",
    "UniformTemporalSubsample",
}
CLASSES = [each for _, each in inspect.getmembers(v2, inspect.isclass) if issubclass(each, v2.Transform)]


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls is not v2.Transform])
def test_all_classes_that_draw_are_refused(cls: Any) -> None:
    instance = cls.__new__(cls)
    torch.nn.Module.__init__(instance)
    if cls.__name__ in DETERMINISTIC:
        FixedTransforms([instance])
    else:
        with pytest.raises(ValueError, match=rf"{cls.__name__} draws random numbers.*augmentations"):
            FixedTransforms([instance])


@pytest.mark.parametrize(
    "transforms",
    [
        [v2.RandomHorizontalFlip(0.0)],
        [v2.Compose([v2.Resize(8), v2.Compose([v2.ColorJitter()])])],
        [v2.RandomApply([v2.Resize(8)], p=1.0)],
        [type("Own", (v2.RandomCrop,), {})(20)],
    ],
)
def test_random_classes_are_refused_even_inside_others(transforms: list[v2.Transform]) -> None:
    with pytest.raises(ValueError, match=r"transforms.*draws random numbers.*augmentations"):
        FixedTransforms(transforms)


def brighten_by(module: ModuleType | Any, name: str) -> v2.Transform:
    """A transform that calls a function without arguments, found at each call, so that it has no such parameter."""

    class Drawn(v2.Transform):  # type: ignore[misc]
        @override
        def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
            return (inpt + int(100 * getattr(module, name)())).to(torch.uint8)

    return Drawn()


class Generators:
    torch = staticmethod(lambda: torch.rand(1).item())
    python = staticmethod(random.random)
    numpy = staticmethod(np.random.rand)
    fresh = staticmethod(lambda: np.random.default_rng().random())


@pytest.mark.parametrize("name", ["torch", "python", "numpy"])
def test_draws_from_global_generators_are_noticed(name: str) -> None:
    before = states()
    with pytest.raises(ValueError, match=r"Drawn draws random numbers.*augmentations"):
        FixedTransforms([brighten_by(Generators, name)])(IMAGE)
    assert states() == before


def test_draws_from_a_new_generator_are_noticed() -> None:
    with pytest.raises(ValueError, match="transforms must be deterministic"):
        FixedTransforms([brighten_by(Generators, "fresh")])(IMAGE)


def test_draws_for_a_later_image_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Generators, "torch", lambda: 0.0)
    transforms = FixedTransforms([v2.Resize((8, 8)), brighten_by(Generators, "torch")])
    transforms(IMAGE)
    monkeypatch.setattr(Generators, "torch", lambda: torch.rand(1).item())
    with pytest.raises(ValueError, match="one of Resize, Drawn draws random numbers"):
        transforms(IMAGE)


def test_generators_can_be_watched_once_for_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Generators, "torch", lambda: 0.0)
    transforms = FixedTransforms([brighten_by(Generators, "torch")])
    transforms(IMAGE)
    with transforms.watched(), ThreadPoolExecutor(3) as pool:
        assert all(torch.equal(image, IMAGE) for image in pool.map(transforms, [IMAGE] * 9))
    monkeypatch.setattr(Generators, "torch", lambda: 0 * torch.rand(1).item())
    with pytest.raises(ValueError, match="Drawn draws random numbers"), transforms.watched():
        transforms(IMAGE)


def test_a_failing_transform_leaves_random_states() -> None:
    def draw_and_fail() -> float:
        torch.rand(1)
        raise KeyError("gone")

    space = type("Space", (), {"fail": staticmethod(draw_and_fail)})
    with pytest.raises(ValueError, match=r"transforms: Drawn failed on an image \(3, 12, 20\) \('gone'\)"):
        FixedTransforms([brighten_by(space, "fail")])(IMAGE)


@pytest.mark.parametrize(
    ("transforms", "error", "match"),
    [
        (v2.Resize(8), TypeError, "transforms.*Resize.*list"),
        ([v1.Resize(8)], TypeError, "transforms.*torchvision.transforms.v2.*got torchvision.transforms.Resize"),
        ([torch.flip], TypeError, "transforms.*flip"),
        ([v2.Resize], TypeError, "transforms.*the type Resize"),
        (["Resize"], TypeError, "transforms.*'Resize'"),
        ([v2.Lambda(lambda image: image)], ValueError, "transforms.*function <lambda> for lambd of Lambda"),
        ([v2.Compose([v2.Resize(8), v2.Lambda(torch.flip)])], ValueError, "flip for lambd of Lambda"),
        ([v2.Compose([v2.Resize(8), torch.flip])], ValueError, "transforms.*flip for transforms of Compose"),
        ([Brighten(torch.Generator())], ValueError, "Generator for amount of Brighten"),
        ([Brighten(np.array([object()]))], ValueError, "ndarray for amount of Brighten"),
        ([Brighten({"a": [object()]})], ValueError, "object for amount of Brighten"),
    ],
)
def test_what_cannot_be_identified_is_refused(transforms: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        FixedTransforms(transforms)


@pytest.mark.parametrize(
    ("transforms", "match"),
    [
        ([v2.ToDtype(torch.float32, scale=True)], r"uint8, got float32 from ToDtype.*\[0, 1\]"),
        ([v2.ToDtype(torch.float32), v2.Normalize([0.5], [0.5])], "uint8, got float32 from Normalize"),
        ([v2.ToDtype(torch.int16)], "uint8, got int16"),
        ([v2.FiveCrop(8)], "one tensor, got .*tuple from FiveCrop"),
        ([v2.ToPILImage()], "one tensor, got PIL.Image.Image from ToPILImage"),
        ([Brighten(torch.zeros(2, 1, 1, 1, dtype=torch.uint8))], r"\(3, H, W\), got \(2, 3, 12, 20\) from Brighten"),
        ([v2.Pad(-6)], "transforms: Pad failed|got"),
        ([v2.Resize(8), v2.LinearTransformation(torch.eye(3), torch.zeros(3))], "LinearTransformation failed"),
    ],
)
def test_results_that_are_not_images_are_refused(transforms: list[v2.Transform], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        FixedTransforms(transforms)(IMAGE)


class InPlace(v2.Transform):  # type: ignore[misc]
    """Brightens an image in place."""

    def transform(self, image: Any, params: dict[str, Any]) -> Any:
        """Add 1."""
        return image.add_(1)


def test_a_transform_in_place_is_applied_once() -> None:
    transforms = FixedTransforms([InPlace()])
    for _ in range(2):  # the first image is transformed twice, to compare the results
        assert (transforms(torch.zeros(3, 4, 4, dtype=torch.uint8)) == 1).all()


def test_a_shape_that_differs_between_images_is_refused() -> None:
    transforms = FixedTransforms([v2.Resize(8)])
    transforms(IMAGE)
    with pytest.raises(ValueError, match=r"\(3, 8, 10\) from an image \(3, 12, 16\) and \(3, 8, 13\)"):
        transforms(IMAGE[:, :, :16])


class Holder:
    """Has transforms as data sets do."""

    def __init__(self, transforms: Sequence[v2.Transform] | None = None) -> None:
        self.transforms = transforms


SHORT = '[{"class_path": "CenterCrop", "init_args": {"size": 8}}, {"class_path": "Resize", "init_args": {"size": 4}}]'


@pytest.mark.parametrize(
    "arguments",
    [
        [f"--set.transforms={SHORT}"],
        [f"--set.transforms={SHORT.replace('C', 'torchvision.transforms.v2.C', 1)}"],
        [f"--set.transforms+={name}" for name in ("CenterCrop", "Resize")],
    ],
)
def test_configs_name_transforms_shortly(arguments: list[str]) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Holder, "set")
    if "+" in arguments[0]:
        arguments = [arguments[0], "--set.transforms.size=8", arguments[1], "--set.transforms.size=4"]
    parsed = parser.parse_args(arguments)
    again = parser.parse_string(parser.dump(parsed))  # as config.yaml of a run
    expected = FixedTransforms([v2.CenterCrop(8), v2.Resize(4)]).key
    for config in (parsed, again):
        assert FixedTransforms(parser.instantiate_classes(config).set.transforms).key == expected
