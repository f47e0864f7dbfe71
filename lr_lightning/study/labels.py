"""Short, readable and unique names of cells."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lr_lightning.study.manifest import Value


class Named(NamedTuple):
    """What the label of a cell is made from.

    Attributes:
        objective: Name of the objective.
        dataset: Name of the data set.
        parameters: The values that the grid sets.
        config: The complete config.
    """

    objective: str
    dataset: str
    parameters: Mapping[str, Value]
    config: Mapping[str, Any]


def unique_labels(cells: Sequence[Named]) -> list[str]:
    """Return a label for each cell: objective, what varies in the grid, and whatever else tells equal labels apart.

    Example:
        >>> unique_labels([Named("VAE", "XY", {"model.beta": beta}, {}) for beta in (1, 4)])
        ['VAE beta=1', 'VAE beta=4']
    """
    several_sets = len({cell.dataset for cell in cells}) > 1
    varying = _varying(cells)
    labels = []
    for cell in cells:
        words = [cell.objective, *([cell.dataset] if several_sets else [])]
        words += [f"{_last(key)}={_text(value)}" for key, value in cell.parameters.items() if key in varying]
        labels.append(" ".join(words))
    return _told_apart(labels, cells)


def _varying(cells: Sequence[Named]) -> set[str]:
    """Return the keys with several values, apart from the data set and the model, which labels contain anyway."""
    values: dict[tuple[str, str], set[str]] = defaultdict(set)
    for cell in cells:
        for key, value in cell.parameters.items():
            values[cell.objective, key].add(repr(value))
    found = {key for (_, key), different in values.items() if len(different) > 1}
    return found - {"data.dataset", "model"}


def _told_apart(labels: list[str], cells: Sequence[Named]) -> list[str]:
    """Return the labels, with values of the configs added to those that occur several times."""
    counts = Counter(labels)
    found = list(labels)
    for label, count in counts.items():
        if count == 1:
            continue
        alike = [number for number, each in enumerate(labels) if each == label]
        flat = {number: dict(_flat(cells[number].config)) for number in alike}
        keys = dict.fromkeys(key for values in flat.values() for key in values)
        for key in keys:
            if len({repr(values.get(key)) for values in flat.values()}) > 1:
                for number in alike:
                    found[number] += f" {_last(key)}={_text(flat[number].get(key))}"
            if len({found[number] for number in alike}) == count:
                break
    return [label if found.count(label) == 1 else f"{label} #{number}" for number, label in enumerate(found)]


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of a config by their keys on the command line."""
    if not isinstance(value, Mapping):
        yield key, value
        return
    for name, each in value.items():
        yield from _flat(each, key if name == "init_args" else f"{key}.{name}".lstrip("."))


def _last(key: str) -> str:
    return key.removesuffix(".class_path").rpartition(".")[2]


def _text(value: Any) -> str:
    if isinstance(value, Mapping) and "class_path" in value:
        return str(value["class_path"]).rpartition(".")[2]
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
