"""Data sets of one's own: the same images from arrays and folders, and a sentence for each mistake."""

import itertools
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lr_lightning.data import CustomDataset
from lr_lightning.data.custom.labels import positions
from lr_lightning.data.dataset import FactorDataset

FACTORS = {"color": ["red", "green"], "height": 3, "position": [0.0, 0.1, 0.3]}
GRID = list(itertools.product(range(2), range(3), range(3)))
PIXELS = np.random.default_rng(0).integers(2, 256, (18, 6, 5, 3), dtype=np.uint8)
ALL = torch.arange(18)
EXPECTED = torch.from_numpy(PIXELS.transpose(0, 3, 1, 2).copy())


def describe(folder: Path, **entries: Any) -> Path:
    """Write ``set.yaml``; an entry of ``None`` is left out."""
    content = {"name": "bars", "factors": FACTORS, "images": "images.npz"} | entries
    path = folder / "set.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}, sort_keys=False))
    return path


def write_npz(folder: Path, **arrays: Any) -> Path:
    """Write ``images.npz``, of the whole grid if not told otherwise."""
    np.savez(folder / "images.npz", **({"images": PIXELS} | arrays))
    return folder / "images.npz"


def write_h5(folder: Path, **arrays: Any) -> Path:
    """Write ``images.h5``, of the whole grid if not told otherwise."""
    with h5py.File(folder / "images.h5", "w") as file:
        for key, array in ({"images": PIXELS} | arrays).items():
            file[key] = array
    return folder / "images.h5"


def write_folder(folder: Path) -> Path:
    """Write the images as files without leading zeros."""
    (folder / "images").mkdir()
    for i, pixels in enumerate(PIXELS):
        Image.fromarray(pixels).save(folder / "images" / f"i{i}.png")
    return folder / "images"


def table_of(rows: list[int], order: tuple[str, ...] = ("file", "position", "color", "height")) -> str:
    """A CSV table of some images, with values, names of values, and numbers."""
    lines = [order]
    for i in rows:
        color, height, position = GRID[i]
        cells = {
            "file": f"i{i}.png",
            "color": ["red", "green"][color],
            "height": str(height),
            "position": str([0.0, 0.1, 0.3][position]),
        }
        lines.append(tuple(cells[name] for name in order))
    return "".join(",".join(line) + "\n" for line in lines)


@pytest.mark.parametrize("write", [write_npz, write_h5, write_folder])
@pytest.mark.parametrize("storage", ["cache", "memory"])
def test_a_full_grid_needs_no_labels(tmp_path: Path, write: Callable[[Path], Path], storage: Any) -> None:
    images = write(tmp_path)
    dataset = CustomDataset(describe(tmp_path, images=images.name), storage)
    assert isinstance(dataset, FactorDataset)
    assert (dataset.name, len(dataset), dataset.full_grid, dataset.image_shape) == ("bars", 18, True, (3, 6, 5))
    assert dataset.factor_space.names == ("color", "height", "position")
    assert dataset.factor_space.values == ((0.0, 1.0), (0.0, 1.0, 2.0), (0.0, 0.1, 0.3))
    assert dataset.factor_space.value_names == {"color": ("red", "green")}
    assert torch.equal(dataset.images(ALL), EXPECTED)
    assert torch.equal(dataset.images(ALL.flip(0)[:4]), EXPECTED.flip(0)[:4])
    assert dataset.factors(ALL).tolist() == [list(row) for row in GRID]


def test_hdf5_can_be_read_from_the_file(tmp_path: Path) -> None:
    dataset = CustomDataset(describe(tmp_path, images=write_h5(tmp_path).name), storage="file")
    assert torch.equal(dataset.images(torch.tensor([17, 3])), EXPECTED[[17, 3]])
    assert {path.name for path in tmp_path.iterdir()} == {"images.h5", "set.yaml"}


@pytest.mark.parametrize(
    ("layout", "stored", "shown"),
    [
        ("NCHW", PIXELS.transpose(0, 3, 1, 2), EXPECTED),
        ("NHWC", PIXELS[..., :1], EXPECTED[:, :1]),
        ("NHW", PIXELS[..., 0], EXPECTED[:, :1]),
        ("NHW", PIXELS[..., 0] > 99, (EXPECTED[:, :1] > 99).to(torch.uint8) * 255),
    ],
)
@pytest.mark.parametrize("write", [write_npz, write_h5])
def test_layouts(
    tmp_path: Path, write: Callable[..., Path], layout: str, stored: np.ndarray, shown: torch.Tensor
) -> None:
    images = write(tmp_path, images=np.ascontiguousarray(stored))
    dataset = CustomDataset(describe(tmp_path, images=images.name, layout=layout))
    assert dataset.image_shape == tuple(shown.shape[1:])
    assert torch.equal(dataset.images(ALL), shown)


def test_paths_are_seen_from_the_description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path)
    (tmp_path / "some.csv").write_text(table_of([12, 4, 10]))
    path = describe(tmp_path, images="images", labels="some.csv")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for seen in (path, Path("..") / path.name, f"../{path.name}"):
        assert torch.equal(CustomDataset(seen, "memory").images(ALL[:3]), EXPECTED[[12, 4, 10]])


def test_key_names_the_array(tmp_path: Path) -> None:
    write_npz(tmp_path, images=PIXELS[:1], frames=PIXELS)
    assert torch.equal(CustomDataset(describe(tmp_path, key="frames")).images(ALL), EXPECTED)
    images = write_h5(tmp_path, **{"train/frames": PIXELS})
    dataset = CustomDataset(describe(tmp_path, images=images.name, key="train/frames"))
    assert torch.equal(dataset.images(ALL), EXPECTED)


@pytest.mark.parametrize("write", [write_npz, write_h5])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_labels_tell_which_combinations_there_are(tmp_path: Path, write: Callable[..., Path], dtype: str) -> None:
    rows = [3, 3, 17, 0]
    labels = np.array([[c, h, [0.0, 0.1, 0.3][p]] for c, h, p in (GRID[i] for i in rows)], dtype)
    images = write(tmp_path, images=PIXELS[rows], labels=labels)
    dataset = CustomDataset(describe(tmp_path, images=images.name, labels="labels"))
    assert (len(dataset), dataset.full_grid) == (4, False)
    assert torch.equal(dataset.images(ALL[:4]), EXPECTED[rows])
    assert dataset.factors(torch.tensor([2, 0])).tolist() == [list(GRID[17]), list(GRID[3])]
    assert dataset.to("cpu") is dataset
    assert dataset.factors(ALL[:4]).tolist() == [list(GRID[i]) for i in rows]
    for gather in (dataset.images, dataset.factors):
        with pytest.raises(IndexError, match=r"\[0, 4\), got 4 to 4"):
            gather(torch.tensor([4]))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(18)))
def test_labels_of_a_full_grid_put_it_in_order(tmp_path: Path, rows: list[int]) -> None:
    labels = np.array([GRID[i] for i in rows]) * [1, 1, 0] + [[0, 0, [0.0, 0.1, 0.3][GRID[i][2]]] for i in rows]
    write_npz(tmp_path, images=PIXELS[rows], labels=labels)
    dataset = CustomDataset(describe(tmp_path, labels="labels"), storage="memory")
    assert dataset.full_grid
    assert torch.equal(dataset.images(ALL), EXPECTED)
    assert dataset.factors(ALL).tolist() == [list(row) for row in GRID]
    with pytest.raises(IndexError, match=r"\[0, 18\), got -1"):
        dataset.images(torch.tensor([-1]))


def test_a_table_labels_a_folder(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "some.csv").write_text(table_of([12, 4, 10]))
    some = CustomDataset(describe(tmp_path, images="images", labels="some.csv"))
    assert (len(some), some.full_grid) == (3, False)
    assert torch.equal(some.images(ALL[:3]), EXPECTED[[12, 4, 10]])
    assert some.factors(ALL[:3]).tolist() == [list(GRID[i]) for i in (12, 4, 10)]
    backwards = table_of(list(range(18))[::-1], ("height", "file", "position", "color"))
    (tmp_path / "all.csv").write_text("\ufeff" + backwards.replace("file", "frame").replace(",", ", "))
    dataset = CustomDataset(describe(tmp_path, images="images", labels="all.csv", key="frame"))
    assert dataset.full_grid
    assert torch.equal(dataset.images(ALL), EXPECTED)


def test_labels_are_values_or_names_or_numbers_of_names(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "t.csv").write_text("file,color,height,position\ni0.png,green,2,0.0996\ni1.png,1,0,0.2995\n")
    dataset = CustomDataset(describe(tmp_path, images="images", labels="t.csv"))
    assert dataset.factors(ALL[:2]).tolist() == [[1, 2, 1], [1, 0, 2]]


def described_labels(folder: Path, factors: str, labels: list[float] | list[str]) -> list[int]:
    """Positions that labels get under the text of one factor, from an array or, as text, from a table."""
    path = folder / "set.yaml"
    if isinstance(labels[0], str):
        if not (folder / "images").exists():
            write_folder(folder)
        rows = "".join(f"i{i}.png,{label}\n" for i, label in enumerate(labels))
        (folder / "t.csv").write_text(f"file,a\n{rows}")
        path.write_text(f"name: bars\nfactors:\n  a: {factors}\nimages: images\nlabels: t.csv\n")
    else:
        write_npz(folder, images=PIXELS[: len(labels)], labels=np.array(labels)[:, None])
        path.write_text(f"name: bars\nfactors:\n  a: {factors}\nimages: images.npz\nlabels: labels\n")
    dataset = CustomDataset(path)
    given: Any = labels if isinstance(labels[0], str) else np.array(labels)
    found: list[int] = positions(dataset.description, {"a": given})[:, 0].tolist()
    return found


@pytest.mark.parametrize(
    ("factors", "labels", "expected"),
    [
        ("[1e-4, 1e-3, 1e-2]", [1e-3, 1e-4, 1e-2], [1, 0, 2]),
        ("[1e-4, 1E-3, .01]", ["0.0001", "1e-2", "1.0e-3"], [0, 2, 1]),
        ("['1', '2', '3']", [1.0, 2.0, 2.0], [0, 1, 1]),  # and not the second and third
        ("['1', '2', '3']", ["1", "2", "2"], [0, 1, 1]),
        ("[008, 009, 010]", [8.0, 10.0], [0, 2]),
        ("[1:30, 2:30]", ["2:30", "1:30"], [1, 0]),
        ("[low, high]", [1.0, 0.0], [1, 0]),
        ("[low, high]", ["1.0", "low"], [1, 0]),
    ],
)
def test_numbers_are_read_alike_in_descriptions_and_labels(
    tmp_path: Path, factors: str, labels: list[Any], expected: list[int]
) -> None:
    assert described_labels(tmp_path, factors, labels) == expected


@pytest.mark.parametrize(
    ("factors", "labels", "message"),
    [
        ("[low, high]", [0.0, 1.001], r"a of image 1 is 1\.001 in labels, but .* has the values low, high"),
        ("[low, high]", ["0", "0.999"], r"a of image 1 is 0\.999 in t\.csv"),
        ("[low, high]", ["high", "nan"], r"a of image 1 is nan in t\.csv"),
        ("3", [1e-4, 1e-3, 1e-2], r"a of image 0 is 0\.0001 in labels, but .* has the values 0, 1, 2"),
        ("[0, 1, 2]", [1e-4, 1e-3, 1.0], r"a is 0\.0001 and 0\.001 in labels.* both match the value 0"),
        ("[1e-4]", [1e-4, 9e-3], r"a of image 1 is 0\.009 in labels"),
        ("[1, 2]", ["1", "1_0"], r"a of image 1 is 1_0 in t\.csv"),
        ("40", [0.0, 41.0], r"a of image 1 is 41\.0 in labels, but .* has the values 0, 1, .*, 19, \.\.\.$"),
    ],
)
def test_refuses_labels_that_are_nearly_a_value(tmp_path: Path, factors: str, labels: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        described_labels(tmp_path, factors, labels)


def test_many_labels_of_many_values_need_little_memory(tmp_path: Path) -> None:
    write_npz(tmp_path, images=np.zeros((30_000, 1, 1, 1), np.uint8), labels=np.arange(30_000.0)[::-1, None])
    dataset = CustomDataset(describe(tmp_path, factors={"x": 30_000}, labels="labels"))  # a matrix would take 7 GB
    assert dataset.full_grid


def test_values_need_not_increase(tmp_path: Path) -> None:
    write_npz(tmp_path, images=PIXELS[:3], labels=np.array([[5.0], [-1.0], [2.0]]))
    dataset = CustomDataset(describe(tmp_path, factors={"x": [2.0, 5.0, -1.0]}, labels="labels"))
    assert dataset.full_grid
    assert torch.equal(dataset.images(ALL[:3]), EXPECTED[[2, 0, 1]])


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"factors": None}, r"set\.yaml .*; factors is missing"),
        ({"images": None, "name": None}, r"set\.yaml .*; name, images is missing"),
        ({"factor": 3}, r"set\.yaml .*'factor'; did you mean factors\?"),
        ({"zzz": 3}, r"unknown key 'zzz'; .*name, factors, images, key, layout, labels"),
        ({"name": 7}, r"name in .*set\.yaml must be text, got 7"),
        ({"labels": ""}, r"labels in .*set\.yaml must be text, got ''"),
        ({"factors": [3, 4]}, r"factors in .*, got \[3, 4\]"),
        ({"factors": {}}, r"factors in .*, got \{\}"),
        ({"factors": {True: 3}}, r"names .*text, got True; .*quotes"),
        ({"factors": {"x": 0}}, r"factor 'x' in .*at least 1.*got 0"),
        ({"factors": {"x": -2}}, r"factor 'x' in .*at least 1.*got -2"),
        ({"factors": {"x": True}}, r"factor 'x' in .*at least 1.*got True"),
        ({"factors": {"x": "three"}}, r"factor 'x' in .*at least 1.*got 'three'"),
        (
            {"factors": {"x": [1, "two"]}},
            r"factor 'x' in .* only numbers or only text.*, got \[1, 'two'\]",
        ),
        ({"factors": {"x": [1, True]}}, r"factor 'x' in .* only numbers or only text.*, got \[1, True\]"),
        ({"factors": {"x": [1, 1.0]}}, r"factor 'x' in .* distinct values, got \[1, 1\.0\]"),
        ({"factors": {"x": [1, 2, float("nan")]}}, r"factor 'x' in .* finite values, got \[1, 2, nan\]"),
        ({"factors": {"x": [float("-inf"), 1]}}, r"factor 'x' in .* finite values, got \[-inf, 1\]"),
        ({"factors": {"x": ["1e999", "1"]}}, r"factor 'x' in .* finite values"),
        ({"factors": {"x": [10**25, 10**25 + 1]}}, r"factor 'x' in .* distinct values"),
        ({"factors": {"x": ["1", "two"]}}, r"factor 'x' in .* only numbers or only text.*, got \['1', 't"),
        ({"factors": {"x": 10**12}}, r"factor 'x' in .* at most 1,000,000 values, got 1000000000000"),
        ({"factors": {"x": 10**25}}, r"factor 'x' in .* at most 1,000,000 values, got 10{25}"),
        ({"factors": dict.fromkeys("abcd", 10**6)}, r"sizes.*2\^63.*2\^"),
        ({"factors": dict.fromkeys(map(str, range(1001)), 1)}, r"factors in .*1,000, got 1,001"),
        ({"images": "set.yaml"}, r"images in .*\.h5, \.hdf5, \.npz .*, got .*set\.yaml"),
        ({"layout": "HWC"}, r"layout in .*set\.yaml .*NHWC, NCHW, NHW, got 'HWC'"),
        (
            {"layout": "NCHW"},
            r"channels, got 6 .*\(18, 6, 5, 3\) and layout NCHW; set layout in .* to NHWC",
        ),
        (
            {"layout": "NHW"},
            r"axes NHW, got shape \(18, 6, 5, 3\); set layout in .* NHWC, NCHW",
        ),
        (
            {"factors": {"x": 3, "y": 5}},
            r"images\.npz has 18 images, but the factors in .* make 3 x 5 = 15 combinations",
        ),
        (
            {"labels": "flat"},
            r"'flat' in .* numbers \(18, 3\), .*color, height, position.*, got",
        ),
        ({"labels": "words"}, r"'words' in .* numbers \(18, 3\), .* got \(18, 3\) <U1"),
        ({"labels": "odd"}, r"position of image 4 is 0\.25 in odd, but .*set\.yaml has the values 0, 0\.1, 0\.3"),
        ({"labels": "nan"}, r"height of image 17 is nan in nan, but .*set\.yaml has the values 0, 1, 2"),
        (
            {"key": "floats"},
            r"'floats' in .* uint8 .* bool, got float64; .* \(255 \* images\)\.round",
        ),
        ({"key": "two"}, r"1 or 3 channels, got 2 .*\(18, 6, 5, 2\) and layout NHWC$"),
        ({"key": "nothing"}, r"'nothing' in .* axes NHWC, got shape \(0, 6, 5, 3\)"),
        ({"key": "fortran"}, r"'fortran' in .* in Fortran order.*set\.yaml"),
        ({"key": "objects"}, r"'objects' in .* pickled objects"),
    ],
)
def test_refuses(tmp_path: Path, entries: dict[str, Any], message: str) -> None:
    grid = np.array(GRID, float)
    odd, nan = grid.copy(), grid * [1, 1, 0]
    odd[:, 2] = np.array([0.0, 0.1, 0.3])[odd[:, 2].astype(int)]
    odd[4, 2] = 0.25
    nan[17, 1] = np.nan
    write_npz(
        tmp_path,
        flat=grid[:, 0],
        words=np.full((18, 3), "a"),
        odd=odd,
        nan=nan,
        floats=PIXELS / 255,
        two=PIXELS[..., :2],
        nothing=PIXELS[:0],
        fortran=np.asfortranarray(PIXELS),
        objects=np.array([None] * 18),
    )
    with pytest.raises(ValueError, match=message):
        CustomDataset(describe(tmp_path, **entries))


def test_refuses_missing_files_and_arrays(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file .*set\.yaml; .*YAML"):
        CustomDataset(tmp_path / "set.yaml")
    with pytest.raises(FileNotFoundError, match=r"no .*images\.npz; set images in .*set\.yaml"):
        CustomDataset(describe(tmp_path))
    write_npz(tmp_path)
    with pytest.raises(KeyError, match=r"no array 'frames' in .*images\.npz, which has images"):
        CustomDataset(describe(tmp_path, key="frames"))
    with pytest.raises(KeyError, match=r"no array 'classes' in .*images\.npz, which has images"):
        CustomDataset(describe(tmp_path, labels="classes"))
    with pytest.raises(KeyError, match=r"no array 'frames' in .*images\.h5, which has images"):
        CustomDataset(describe(tmp_path, images=write_h5(tmp_path).name, key="frames"))
    (tmp_path / "images.npz").write_text("no archive")
    with pytest.raises(OSError, match=r"images\.npz cannot be read as an \.npz archive"):
        CustomDataset(describe(tmp_path))


def test_refuses_what_is_no_description(tmp_path: Path) -> None:
    path = tmp_path / "set.yaml"
    for text, message in {
        "name: [": r"set\.yaml cannot be read as YAML: while parsing a flow node .* line 1",
        "bars": r"set\.yaml .*keys name, factors, images, got 'bars'",
        "": r"set\.yaml .*keys name, factors, images, got None",
        "name: !!python/object/apply:os.getcwd []": r"cannot be read as YAML: could not determine a constructor",
    }.items():
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            CustomDataset(path)
    nested = "a: &a [x]\n" + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in itertools.pairwise("abcdefghi")
    )
    for text, message in {
        "name: bars\nname: boxes": r"set\.yaml cannot be read as YAML: .*duplicate key 'name'",
        "name: &a {b: 1}\nfactors: {<<: *a}": r"set\.yaml cannot be read as YAML: mappings cannot be merged",
        "[" * 3000: r"set\.yaml cannot be read as YAML: lists or mappings are nested too deeply",
        "name: " + "9" * 5000: r"set\.yaml cannot be read as YAML: .*limit",
        "name: !!timestamp 5": r"set\.yaml cannot be read as YAML",
        'name: "\\ud800"': r"set\.yaml cannot be read as YAML: '\\ud800' .*surrogate",
        nested.replace("i:", "name:"): r"set\.yaml has an unknown key 'a'",
        nested.replace("i: &i", "factors:").replace("a:", "name:").replace("b:", "images:"): r"unknown key 'c'",
        "name: &a [*a]\nfactors: *a\nimages: x": r"name in .*set\.yaml must be text, got \[\[\[\[\.\.\.\]\]\]\]",
        "#" * (1 << 20) + "\n": r"set\.yaml .*1,048,576 bytes, got 1,048,577",
    }.items():
        path.write_text(text)
        with pytest.raises(ValueError, match=message) as refused:
            CustomDataset(path)
        assert len(str(refused.value)) < 1000


def test_refuses_a_damaged_group(tmp_path: Path) -> None:
    images = write_h5(tmp_path, labels=np.array(GRID))
    whole = images.read_bytes()
    path = describe(tmp_path, images=images.name)
    for signature in (b"TREE", b"HEAP", b"SNOD"):
        images.write_bytes(whole.replace(signature, b"XXXX"))
        with pytest.raises(OSError, match=r"images\.h5 (is damaged inside 'images'|cannot be read as HDF5) \(.*\)"):
            CustomDataset(path)


def test_refuses_claims_of_hdf5_before_it_takes_memory(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "images.h5", "w") as file:
        file.create_dataset("images", (10**12, 6, 5, 3), np.uint8, chunks=(1, 6, 5, 3))
        file.create_dataset("labels", (10**12, 1), np.float64, chunks=(1, 1))
        file.create_dataset("sides", (1, 20_000, 20_000, 3), np.uint8, chunks=(1, 8, 8, 3))
        file.create_dataset("large", (1, 10_000, 10_000, 3), np.uint8, chunks=(1, 10_000, 10_000, 3))
        file["nothing"] = h5py.Empty("u1")
    tracemalloc.start()
    try:
        for entries, message in (
            ({}, r"has 1000000000000 images, but the factors in .* make 2 x 3 x 3 = 18"),
            ({"labels": "labels", "factors": {"x": 3}}, r"'labels' in .*, got 8,000,000,000,000"),
            ({"key": "sides", "factors": {"x": 1}}, r"values each, got 1,200,000,000 "),
            ({"key": "large", "factors": {"x": 1}}, r"'large' in .* chunks of 300,000,000 bytes"),
        ):
            with pytest.raises(ValueError, match=message):
                CustomDataset(describe(tmp_path, images="images.h5", **entries))
        with pytest.raises(KeyError, match=r"no array 'nothing' in .*images\.h5, which has .*images"):
            CustomDataset(describe(tmp_path, images="images.h5", key="nothing"))
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("storage", ["cache", "memory"])
def test_refuses_images_of_0_and_1_when_they_are_read(tmp_path: Path, storage: Any) -> None:
    write_npz(tmp_path, images=PIXELS % 2)
    dataset = CustomDataset(describe(tmp_path), storage)
    with pytest.raises(ValueError, match=r"images\.npz .*0 and 1.*bool"):
        dataset.images(ALL)


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (None, FileNotFoundError, r"no table .*t\.csv; set labels in .*set\.yaml"),
        ("", KeyError, r"t\.csv has no column file, color, height, position; .*none"),
        ("file,color,x\n", KeyError, r"t\.csv has no column height, position; .*file, color, x"),
        ("file,color,height,position\n", ValueError, r"t\.csv has no rows"),
        ("file,color,height,position\ni0.png,red,1,0\ni1.png,red,,0\n", ValueError, r"an empty cell in line 3"),
        ("file,color,height,position\ni0.png,red,1\n", ValueError, r"an empty cell in line 2"),
        (
            "file,color,height,position\ni0.png,blue,1,0\n",
            ValueError,
            r"color of image 0 is blue in t\.csv, but .*set\.yaml has the values red, green",
        ),
        ("file,color,height,position\ni99.png,red,1,0\n", FileNotFoundError, r"no image .*i99\.png"),
        (
            "file,color,height,position,color\ni0.png,red,1,0,green\n",
            ValueError,
            r"t\.csv has the column color more than once",
        ),
        (b"\xff\xfe\x00", ValueError, r"t\.csv cannot be read as a CSV table"),
    ],
)
def test_refuses_a_table(tmp_path: Path, table: str | bytes | None, error: type[Exception], message: str) -> None:
    write_folder(tmp_path)
    if table is not None:
        (tmp_path / "t.csv").write_bytes(table.encode() if isinstance(table, str) else table)
    with pytest.raises(error, match=message):
        CustomDataset(describe(tmp_path, images="images", labels="t.csv"))


def test_refuses_a_layout_of_a_folder(tmp_path: Path) -> None:
    write_folder(tmp_path)
    with pytest.raises(ValueError, match=r"layout in .* arrays.*images is a folder"):
        CustomDataset(describe(tmp_path, images="images", layout="NHWC"))
