"""The known data sets: names, records and files."""

import inspect
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import lr_lightning.data
from lr_lightning.common.registry import public_path
from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.registry import DATA_SETS, find_data_set

SETS = [find_data_set(name) for name in DATA_SETS.entries]
RECORDS = [record for _, record in SETS]
FILES = [file for record in RECORDS for file in record.files]
SIZES = {
    "shapes3d": (480_000, 480_000),
    "rendered_shapes3d": (480_000, 480_000),
    "dsprites": (737_280, 737_280),
    "rendered_dsprites": (737_280, 737_280),
    "color_dsprites": (737_280, 737_280),
    "noisy_dsprites": (737_280, 737_280),
    "scream_dsprites": (737_280, 737_280),
    "mpi3d_toy": (1_036_800, 1_036_800),
    "mpi3d_realistic": (1_036_800, 1_036_800),
    "mpi3d_real": (1_036_800, 1_036_800),
    "mpi3d_real_complex": (460_800, 460_800),
    "cars3d": (17_568, 17_568),
    "small_norb": (48_600, 4_860),
    "mnist": (70_000, 10),
    "fashion_mnist": (70_000, 10),
    "kmnist": (70_000, 10),
    "emnist_byclass": (814_255, 62),
    "emnist_bymerge": (814_255, 47),
    "emnist_balanced": (131_600, 47),
    "emnist_letters": (145_600, 27),
    "emnist_digits": (280_000, 10),
    "emnist_mnist": (70_000, 10),
    "cifar10": (60_000, 10),
    "cifar100": (60_000, 100),
    "svhn": (99_289, 10),
    "celeba": (202_599, 2**40),
    "stl10": (13_000, 10),
    "omniglot": (32_460, 1623),
    "xy_squares": (262_144, 262_144),
    "double_helix": (1024, 2),
}
"""Published numbers of observations and of combinations of factors."""


@given(st.data())
def test_indices_and_factors_are_inverse_in_every_set(data: st.DataObject) -> None:
    space = data.draw(st.sampled_from(RECORDS)).factor_space
    indices = torch.tensor(data.draw(st.lists(st.integers(0, len(space) - 1), min_size=1)))
    factors = space.factors(indices)
    assert torch.equal(space.indices(factors), indices)
    # row-major with the last factor fastest: the digits of a number whose bases are the sizes
    for index, row in zip(indices.tolist(), factors.tolist(), strict=True):
        value = 0
        for digit, size in zip(row, space.sizes, strict=True):
            assert 0 <= digit < size
            value = value * size + digit
        assert value == index


@given(st.data())
def test_neighbours_differ_by_one_step_of_the_last_factor(data: st.DataObject) -> None:
    space = data.draw(st.sampled_from([record.factor_space for record in RECORDS if record.factor_space.sizes[-1] > 1]))
    factors = torch.tensor([data.draw(st.integers(0, size - 1)) for size in space.sizes])
    factors[-1] = data.draw(st.integers(0, space.sizes[-1] - 2))
    index = int(space.indices(factors))
    assert (space.factors(torch.tensor([index + 1]))[0] - factors).tolist() == [0] * (space.num_factors - 1) + [1]


def test_sizes_are_the_published_ones() -> None:
    assert {record.name: (record.num_samples, len(record.factor_space)) for record in RECORDS} == SIZES


def test_every_record_of_a_class_has_a_name() -> None:
    assert {record.name for cls, _ in SETS for record in cls.records} == set(DATA_SETS.entries)


@pytest.mark.parametrize(("cls", "record"), SETS, ids=DATA_SETS.entries)
def test_the_class_takes_the_arguments(cls: type[FactorDataset], record: DataSetRecord, tmp_path: Path) -> None:
    assert public_path(cls) == f"lr_lightning.data.{cls.__name__}"
    assert getattr(lr_lightning.data, cls.__name__) is cls
    assert cls.__name__ in lr_lightning.data.__all__
    arguments = record.init_args(tmp_path)
    inspect.signature(cls).bind(**arguments)
    assert all(value.is_relative_to(tmp_path) for value in arguments.values() if isinstance(value, Path))


@pytest.mark.parametrize("record", RECORDS, ids=DATA_SETS.entries)
def test_twins_and_sprites_are_sets_of_the_same_factors(record: DataSetRecord) -> None:
    for other in filter(None, (record.twin, record.sprites)):
        assert find_data_set(other)[1].factor_space == record.factor_space
    if record.twin is not None:
        assert find_data_set(record.twin)[1].twin == record.name


def test_every_file_has_its_own_place_and_addresses() -> None:
    addresses = [url for file in FILES for url in (file.url, *file.mirrors)]
    assert len({file.path for file in FILES}) == len(FILES) == 22
    assert len(set(addresses)) == len(addresses)
    assert all(url.startswith(("http://", "https://")) for url in addresses)


def test_the_files_without_a_published_checksum_are_known() -> None:
    without = {file.path: file.check for file in FILES if file.md5 is None}
    assert without == {
        "mpi3d_real_complex.npz": "no md5 published; verified by the checksums inside the archive",
        "scream.jpg": "no md5 published; not verified before it is opened",
    }
    checksums = [file.md5 for file in FILES if file.md5 is not None]
    assert all(len(md5) == 32 and int(md5, 16) for md5 in checksums)
    assert len(set(checksums)) == len(checksums)  # none was copied to the wrong file


def test_a_path_is_there_once_all_files_are(tmp_path: Path) -> None:
    _, record = find_data_set("mnist")
    for file in record.files:
        assert not record.is_present(tmp_path)
        (tmp_path / file.path).parent.mkdir(exist_ok=True)
        (tmp_path / file.path).touch()
    assert record.is_present(tmp_path)
    assert record.init_args(tmp_path) == {"root": tmp_path / "mnist", "split": "all", "name": "mnist"}
    assert find_data_set("double_helix")[1].is_present(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smallnorb", "no data set 'smallnorb'.*small_norb"),
        ("lr_lightning.data.MNIST", r"lr_lightning\.data\.MNIST.*mnist, fashion_mnist"),
        ("lr_lightning.data.CustomDataset", "CustomDataset .*record, got none"),
        ("lr_lightning.data.FactorSpace", "FactorSpace is not a class that extends FactorDataset"),
        ("no_such_package.Set", "no_such_package"),
    ],
)
def test_an_unknown_name_is_rejected(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_data_set(name)


def test_a_set_is_found_by_its_import_path() -> None:
    assert find_data_set("lr_lightning.data.Cars3D") == find_data_set("cars3d")
