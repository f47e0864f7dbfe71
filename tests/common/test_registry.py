"""Classes by name, entry point and import path."""

import sys
from collections import ChainMap, OrderedDict
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from lr_lightning.common import registry as registry_module
from lr_lightning.common.registry import Registry

GROUP = "example.mappings"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    """Return a list to which a test adds the entry points of installed packages."""
    found: list[EntryPoint] = []
    monkeypatch.setattr(registry_module, "entry_points", lambda group: [e for e in found if e.group == group])
    return found


def mappings() -> Registry[dict]:  # type: ignore[type-arg]
    return Registry("mapping", dict, {"ordered": "collections:OrderedDict"}, group=GROUP)


def test_own_names_come_first(installed: list[EntryPoint]) -> None:
    installed += [EntryPoint("counter", "collections:Counter", GROUP), EntryPoint("other", "x:Y", "another.group")]
    assert list(mappings()) == ["ordered", "counter"]
    assert len(mappings()) == 2
    assert "counter" in mappings()
    assert "other" not in mappings()


def test_finds_names_entry_points_and_import_paths(installed: list[EntryPoint]) -> None:
    installed.append(EntryPoint("counter", "collections:Counter", GROUP))
    assert mappings()["ordered"] is OrderedDict
    assert mappings()["counter"].__name__ == "Counter"
    assert mappings()["collections.defaultdict"].__name__ == "defaultdict"


def test_names_of_classes(installed: list[EntryPoint]) -> None:
    installed.append(EntryPoint("counter", "collections:Counter", GROUP))
    found = mappings()
    assert found.name_of(OrderedDict) == "ordered"
    assert found.name_of(found["counter"]) == "counter"
    assert found.name_of(dict) is None


def test_imports_only_what_is_asked_for(installed: list[EntryPoint]) -> None:
    installed.append(EntryPoint("broken", "no_such_package:Thing", GROUP))
    assert list(mappings()) == ["ordered", "broken"]
    with pytest.raises(ValueError, match=r"'broken'.*no_such_package"):
        mappings()["broken"]
    assert "no_such_package" not in sys.modules


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("orderd", "ordered"),
        ("nothing_like_it", "ordered"),
        ("no_such_package.Thing", "no_such_package"),
        ("collections.NoSuchThing", "NoSuchThing"),
        ("collections.Countr", "Countr.*collections.Counter"),
        ("collections.ChainMap", "collections.ChainMap.*dict"),
        ("collections.abc", "collections.abc"),
        ("ordered.", "ordered"),
    ],
)
def test_rejects(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mappings()[name]
    assert not issubclass(ChainMap, dict)


@pytest.mark.parametrize("names", [["ordered"], ["twice", "twice"]])
def test_a_name_of_two_packages_cannot_be_used_and_others_can(installed: list[EntryPoint], names: list[str]) -> None:
    installed += [EntryPoint(name, f"package_{i}:Thing", GROUP) for i, name in enumerate(names)]
    installed.append(EntryPoint("counter", "collections:Counter", GROUP))
    found = mappings()
    with pytest.raises(ValueError, match=f"{names[0]!r}.*package_{len(names) - 1}:Thing"):
        found[names[0]]
    with pytest.raises(ValueError, match=f"package_{len(names) - 1}:Thing"):
        found.class_path(names[0])
    assert found["counter"].__name__ == "Counter"
    assert list(found) == list(dict.fromkeys(["ordered", "counter", *names]))
    assert found.name_of(found["counter"]) == "counter"


@pytest.mark.parametrize("file", ["a_file_of_mine.py", "a_file_of_mine/__init__.py", "another_file.py"])
def test_a_module_in_the_working_folder(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(file).parent.mkdir(exist_ok=True)
    Path(file).write_text("Score = dict")
    with pytest.raises(ValueError, match="No module named 'a_file_of_mine'") as raised:
        mappings()["a_file_of_mine.Score"]
    assert ("PYTHONPATH=." in str(raised.value)) == file.startswith("a_file_of_mine")


def test_rejects_abstract_classes() -> None:
    with pytest.raises(ValueError, match=r"collections.abc.Sized is abstract.*__len__"):
        Registry("thing", object, {}, group=GROUP)["collections.abc.Sized"]


def test_the_classes_that_a_package_exports() -> None:
    exports = {"dict": dict, "ChainMap": ChainMap, "OrderedDict": OrderedDict, "len": len}
    found = Registry.of_exports("mapping", dict, exports, group=GROUP)
    assert found.entries == {"OrderedDict": "collections:OrderedDict"}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("ordered", "collections.OrderedDict"),
        ("counter", "collections.Counter"),
        ("Counter", "collections.Counter"),
        ("collections.Counter", None),
        ("OrderedDict", None),
    ],
)
def test_class_paths_of_names(installed: list[EntryPoint], name: str, path: str | None) -> None:
    installed.append(EntryPoint("counter", "collections:Counter", GROUP))
    assert mappings().class_path(name) == path
