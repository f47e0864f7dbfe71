"""What the data of a cell are, independent of where their files lie."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from lr_lightning.callbacks.run.provenance import data_record
from lr_lightning.data import FactorDataset, ScreamDSprites
from lr_lightning.data.data_set_record import DataSetRecord


def data_content(dataset: Any) -> dict[str, Any] | None:
    """Return what identifies the observations of an opened data set.

    Known sets, whether public or rendered, are identified by their name, the version of the renderer and the picture in
    the background; other sets by the hash of 64 observations.

    Args:
        dataset: The data set; ``None`` if the data module has none.
    """
    if not isinstance(dataset, FactorDataset):
        return None
    known = {record.name for record in type(dataset).records}
    if dataset.name.removeprefix("rendered_") in known or dataset.name in known:
        painted = {"background": dataset.background} if isinstance(dataset, ScreamDSprites) else {}
        return {"name": dataset.name, "renderer_version": getattr(dataset, "renderer_version", None)} | painted
    record = data_record(dataset) or {}
    return {key: record[key] for key in ("num_samples", "sha256_of_64")}


def expected_content(entry: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[int, ...] | None]:
    """Return what :func:`data_content` most likely returns for a set whose files are missing, and the image shape.

    Args:
        entry: The data set in a config: class and arguments.
    """
    record = _record(entry)
    if record is None:
        return {"name": str(entry["class_path"])}, None
    return {"name": record.name, "renderer_version": None}, record.image_shape


def data_set_name(entry: Mapping[str, Any]) -> str:
    """Return the name of a data set in labels and tables: its class, or its record if the class opens several sets.

    The name of a set that is made from another one contains both: ``"Downsampled(RenderedDSprites)"``.
    """
    record = _record(entry)
    name: str = record.name if record is not None and len(_class(entry).records) > 1 else _class(entry).__name__
    original = (entry.get("init_args") or {}).get("dataset")
    return f"{name}({data_set_name(original)})" if isinstance(original, Mapping) else name


def _record(entry: Mapping[str, Any]) -> DataSetRecord | None:
    """Return the facts about a data set, ``None`` if there are none."""
    arguments = entry.get("init_args") or {}
    records: tuple[DataSetRecord, ...] = getattr(_class(entry), "records", ())
    return next((each for each in records if each.options.items() <= arguments.items()), None)


def _class(entry: Mapping[str, Any]) -> Any:
    module, _, name = str(entry["class_path"]).rpartition(".")
    return getattr(import_module(module), name)
