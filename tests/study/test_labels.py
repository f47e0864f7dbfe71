"""Labels of cells."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lr_lightning.study.labels import Named, unique_labels


def named(objective: str = "VAE", dataset: str = "XY", config: Any = None, **parameters: Any) -> Named:
    return Named(objective, dataset, {f"model.{key}": value for key, value in parameters.items()}, config or {})


def test_what_varies_is_named() -> None:
    cells = [named(beta=beta, steps=5) for beta in (1, 0.5, 1e-4)] + [named("AE", width=[8, 4])]
    assert unique_labels(cells) == ["VAE beta=1", "VAE beta=0.5", "VAE beta=0.0001", "AE"]


def test_data_sets_are_named_if_there_are_several() -> None:
    assert unique_labels([named(), named(dataset="Z")]) == ["VAE XY", "VAE Z"]


def test_equal_labels_are_told_apart_by_their_configs() -> None:
    configs = [
        {"model": {"class_path": "a.VAE", "init_args": {"kind": kind, "same": 1}}, "data": {"size": size}}
        for kind, size in (("i", 1), ("ii", 1), ("ii", 2))
    ]
    labels = unique_labels([*(named(config=config) for config in configs), named("AE")])
    assert labels == ["VAE kind=i size=1", "VAE kind=ii size=1", "VAE kind=ii size=2", "AE"]


@given(st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("XY"), st.integers(0, 2), st.integers(0, 2))))
def test_labels_are_unique(values: list[tuple[str, str, int, int]]) -> None:
    cells = [named(objective, dataset, {"other": other}, beta=beta) for objective, dataset, beta, other in values]
    assert len(set(unique_labels(cells))) == len(cells)
