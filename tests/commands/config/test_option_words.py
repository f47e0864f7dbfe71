"""Values of options, with their types, at any depth."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonargparse import ArgumentParser

from lr_lightning.commands.config.option_words import option_words, plain_values, typed_words, words_with_nested_nulls


class Inner:
    def __init__(self, name: str | None = "x", sizes: list[int | None] | None = None) -> None: ...


class Middle:
    def __init__(self, inner: Inner, name: str | None = "y", rate: float = 0.5) -> None: ...


class Outer:
    def __init__(self, middle: Middle, name: str | None = "z") -> None: ...


def parse(words: list[str]) -> dict[str, Any]:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(Outer, "model")
    for option in ("name", "trainer.root"):
        parser.add_argument(f"--{option}", type=str | None, default="given")
    here = __name__
    base = [f"--model={here}.Outer", f"--model.middle={here}.Middle", f"--model.middle.inner={here}.Inner"]
    found: dict[str, Any] = parser.parse_args([*base, *words]).as_dict()
    return found


def middle(words: list[str]) -> Any:
    return parse(words)["model"]["init_args"]["middle"]["init_args"]


@pytest.mark.parametrize(
    ("key", "read"),
    [
        ("model.name", lambda words: parse(words)["model"]["init_args"]["name"]),
        ("model.middle.name", lambda words: middle(words)["name"]),
        ("model.middle.inner.name", lambda words: middle(words)["inner"]["init_args"]["name"]),
        ("name", lambda words: parse(words)["name"]),
        ("trainer.root", lambda words: parse(words)["trainer"]["root"]),
    ],
)
@pytest.mark.parametrize("value", [None, "text", "12", "a: b, 'c' \"d\"", "1e-5 ", "[1]"])
def test_texts_and_none_arrive_unchanged(key: str, read: Any, value: Any) -> None:
    assert read(option_words({key: value})) == value
    assert read(words_with_nested_nulls(typed_words({key: value}))) == value
    if value is None:
        for words in ([f"--{key}=null"], [f"--{key}", "null"]):
            assert read(words_with_nested_nulls(words)) is None


def test_the_parser_alone_makes_texts_of_nested_nulls() -> None:
    assert middle(["--model.middle.name=null"])["name"] == "None"  # if this fails, words_with_nested_nulls can go


def test_lists_and_numbers() -> None:
    words = option_words({"model.middle.inner.sizes": (1, None), "model.middle.rate": np.float64(1e-05)})
    assert middle(words)["inner"]["init_args"]["sizes"] == [1, None]
    assert middle(words)["rate"] == 1e-05
    assert middle(words)["name"] == "y"  # others keep their values
    words = words_with_nested_nulls(["--model.middle.inner.sizes=[1, null]", "--model.middle.rate", "2"])
    assert middle(words)["inner"]["init_args"]["sizes"] == [1, None]
    assert middle(words)["rate"] == 2


def test_words_without_null_are_unchanged() -> None:
    words = ["fit", "--config=a.yaml", "--a.b.c", "3", "--a.b.c+=null", "--x", "--a.b.c=nulls", "--a.b.c={", "--a.b.c"]
    assert words_with_nested_nulls(words) == words


def test_typed_words_are_dotted_options() -> None:
    words = typed_words({"model.middle.rate": np.float64(1e-7), "model.middle.inner.sizes": [1, 2], "model.name": None})
    assert words == ["--model.middle.rate=1.0e-07", "--model={middle: {inner: {sizes: [1, 2]}}}", "--model.name=null"]
    assert middle(words_with_nested_nulls(words))["rate"] == 1e-7


def test_mappings_of_groups_are_merged() -> None:
    values = {"trainer": {"max_steps": np.int64(3), "logger": False}, "assays": {"a": {"num_samples": 2}, "b": None}}
    expected = ["--trainer.max_steps=3", "--trainer.logger=false", "--assays.a={num_samples: 2}", "--assays.b=null"]
    assert option_words(values) == expected
    assert option_words({"assays": None, "assays.a.x.y": 1}) == ["--assays=null", "--assays.a={x: {y: 1}}"]


def test_values_are_made_plain_or_refused() -> None:
    assert plain_values({"a": [Path("x"), (np.float32(0.5), np.bool_(True), True)]}, "k") == {
        "a": ["x", [0.5, True, True]]
    }
    with pytest.raises(TypeError, match=r"model\.network\.a.*object"):
        option_words({"model.network": {"a": object()}})
    with pytest.raises(TypeError, match="3"):
        option_words({3: 1})  # type: ignore[dict-item]
