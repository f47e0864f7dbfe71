"""What the values of factors are called where people read them."""

from collections.abc import Mapping, Sequence

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.registry import CATALOGUE
from lr_lightning.data.sets.custom_dataset import CustomDataset


def texts_of_values(space: FactorSpace, value_names: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return for each factor what its values are called: their names where they have some, else the numbers."""
    return [
        list(value_names.get(name, [f"{value:.4g}" for value in values]))
        for name, values in zip(space.names, space.values, strict=True)
    ]


def value_texts(dataset: FactorDataset) -> list[list[str]]:
    """Return for each factor of ``dataset`` what its values are called; names come from the set or the catalogue."""
    if isinstance(dataset, CustomDataset):
        return texts_of_values(dataset.factor_space, dataset.value_names)
    alike = [record for record in CATALOGUE if record.factor_space == dataset.factor_space]
    alike.sort(key=lambda record: record.name != dataset.name)  # digits and clothes have equal factors
    return texts_of_values(dataset.factor_space, alike[0].value_names if alike else {})
