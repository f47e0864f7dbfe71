"""Targets of samples become factors."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.from_torchvision.targets import Labels, read_labels
from tests.data.from_torchvision.own_sets import Samples, sample


def dataset(targets: Sequence[Any], **attributes: Any) -> Samples:
    """A data set with these targets and attributes."""
    kept = Samples()
    kept.kept = tuple(map(sample, targets))
    vars(kept).update(attributes)
    return kept


def read(targets: Sequence[Any], **attributes: Any) -> Labels:
    return read_labels([dataset(targets, **attributes)], "these")


def test_named_classes_are_indices() -> None:
    labels = read([2, 0, 2], classes=["cat", "dog", ("bird", "fowl")])
    assert labels.space == FactorSpace(["label"], [3], value_names={"label": ["cat", "dog", "bird, fowl"]})
    assert labels.factors.tolist() == [[2], [0], [2]]
    assert labels.factors.dtype == np.uint8


def test_classes_of_one_name_stay_apart() -> None:
    assert read([0], classes=["crane", "crane", "boat"]).space.value_labels == [["crane (0)", "crane (1)", "boat"]]


@pytest.mark.parametrize("kind", [int, np.int16, np.uint8, torch.tensor, lambda value: np.array(value)])
def test_other_integers_are_the_values(kind: Any) -> None:
    labels = read([kind(value) for value in (70, 3, 3, 9)])
    assert labels.space == FactorSpace(["label"], [3], [[3, 9, 70]])
    assert labels.factors[:, 0].tolist() == [2, 0, 0, 1]


@pytest.mark.parametrize("targets", [[True, True], [1, 1], [torch.tensor(False), torch.tensor(True)], [0, 0]])
def test_zero_and_one_are_both_values(targets: list[Any]) -> None:
    labels = read(targets)
    assert labels.space == FactorSpace(["label"], [2])
    assert labels.factors[:, 0].tolist() == [int(target) for target in targets]


def test_text_is_sorted_and_names_the_values() -> None:
    labels = read(["dog", "cat", "dog", "ape"])
    assert labels.space.value_labels == [["ape", "cat", "dog"]]
    assert labels.factors[:, 0].tolist() == [2, 1, 2, 0]


def test_captions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"of these .*102 different texts.* in label.*targets: none"):
        read([f"photograph number {number}" for number in range(102)])


@pytest.mark.parametrize(
    ("target", "attributes", "names"),
    [
        ((1, "a"), {}, ["target_0", "target_1"]),
        ([1, 0], {"target_type": ["category", "pose"]}, ["category", "pose"]),
        ({"side": 1, "pose": torch.tensor([4, 5])}, {}, ["side", "pose_0", "pose_1"]),
        ({"side": 1, "pose": np.array(["a", "b"])}, {"pose_names": ["pitch", "yaw", ""]}, ["side", "pitch", "yaw"]),
        (torch.tensor([1, 0, 1]), {}, ["target_0", "target_1", "target_2"]),
        ((1, (2, 3)), {"target_type": ("a", "b")}, ["a", "b_0", "b_1"]),
    ],
)
def test_several_targets_have_names(target: Any, attributes: dict[str, Any], names: list[str]) -> None:
    labels = read([target, target], **attributes)
    assert list(labels.space.names) == names
    assert labels.factors.shape == (2, len(names))


def test_named_targets_have_their_classes() -> None:
    kinds = {"target_type": ["category", "binary-category"], "classes": ["a", "b"], "bin_classes": ["Cat", "Dog"]}
    assert read([(1, 0)], **kinds).space.value_labels == [["a", "b"], ["Cat", "Dog"]]


def test_many_values_take_more_bytes() -> None:
    for number, dtype in ((256, np.uint8), (257, np.int16), (40_000, np.int32)):
        labels = read_labels([dataset(range(number))], "these")
        assert labels.factors.dtype == dtype
        assert labels.factors[:, 0].tolist() == list(range(number))


def test_splits_follow_each_other() -> None:
    parts = [dataset([0, 1], classes=["a", "b"]), dataset([1, 0], classes=["c", "a"])]
    labels = read_labels(parts, "these")
    assert labels.space.value_labels == [["a", "b", "c"]]
    assert labels.factors[:, 0].tolist() == [0, 1, 0, 2]
    assert read_labels([dataset([5]), dataset([3])], "these").factors[:, 0].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([0.5], "float in"),
        ([torch.tensor(0.5)], "float32"),
        ([torch.zeros(2, 4, dtype=torch.int64)], r"array \(2, 4\) of int64"),
        ([{"boxes": torch.zeros(4)}], r"array \(4,\) of float32 in boxes"),
        ([{"bbox": torch.zeros(4, dtype=torch.int64)}], "coordinates in bbox"),
        ([Image.new("L", (1, 1))], "Image"),
        ([(1, SimpleNamespace())], "SimpleNamespace in target_1"),
        ([1, (1, 2)], "target_0, target_1 for sample 1 and label for sample 0"),
        ([1, None], "none for sample 1"),
        ([1, "a"], "int and str in label"),
    ],
)
def test_other_targets_are_refused(targets: list[Any], message: str) -> None:
    if message == "float in":
        message = "got float; "
    with pytest.raises(ValueError, match=rf"targets of these .*{message}.*targets: none"):
        read(targets)


@pytest.mark.parametrize(("targets", "message"), [([0, 2], "2, which is none of 2"), ([-1, -1, 0], "-1, .* 2 samples")])
def test_labels_that_are_no_class_are_refused(targets: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=rf"{message}.* in label"):
        read(targets, classes=["a", "b"])


def test_splits_of_different_targets_are_refused() -> None:
    with pytest.raises(ValueError, match="label and target_0, target_1 in different splits"):
        read_labels([dataset([1]), dataset([(1, 2)])], "these")
