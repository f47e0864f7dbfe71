"""Reader of the public 3DShapes file: values, order, workers, errors."""

import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.sets.shapes3d import Shapes3D
from lr_lightning.data.storage import h5_images
from lr_lightning.data.storage.file_dataset import Storage
from lr_lightning.testing.data_set_tester import DataSetTester

SPACE = FactorSpace(["hue", "shape"], [5, 4], [[0.0, 0.1, 0.2, 0.3, 0.4], [0, 1, 2, 3]])
PIXELS = np.random.default_rng(0).integers(256, size=(20, 64, 64, 3), dtype=np.uint8)
LABELS = np.array([(hue / 10, shape) for hue in range(5) for shape in range(4)])
# one image a chunk, several whole images, parts of many images, no chunks at all
CHUNKS = [(1, 64, 64, 3), (8, 64, 64, 3), (20, 16, 64, 1), None]


def write(path: Path, images: Any = PIXELS, labels: Any = LABELS, chunks: Any = None, **attributes: Any) -> Path:
    with h5py.File(path, "w") as file:
        if images is not None:
            file.create_dataset("images", data=images, chunks=chunks, compression=chunks and "gzip")
        file["labels"] = labels
        file.attrs.update(attributes)
    return path


class TestShapes3D(DataSetTester):
    is_excerpt = True
    storage: Storage = "cache"

    def make(self, folder: Path) -> Shapes3D:
        path = folder / "s.h5"
        return Shapes3D(path if path.exists() else write(path, chunks=CHUNKS[0]), self.storage, SPACE)


class TestShapes3DOnDemand(TestShapes3D):
    storage = "file"


class Items(Dataset[Tensor]):
    """One image at a time, for a loader."""

    def __init__(self, dataset: FactorDataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Tensor:
        return self.dataset.images(torch.tensor([index]))[0]


@pytest.mark.parametrize("storage", ["cache", "memory", "file"])
@pytest.mark.parametrize("chunks", CHUNKS)
def test_gathers_images_and_factors_in_any_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunks: Any, storage: Storage
) -> None:
    monkeypatch.setattr(h5_images, "_BLOCK_ROWS", 7)  # what is read whole is read in several blocks
    dataset = Shapes3D(write(tmp_path / "s.h5", chunks=chunks), storage, SPACE)
    indices = torch.tensor([7, 19, 0, 7, 6, 8, 3])
    images = dataset.images(indices)
    assert images.is_contiguous()
    np.testing.assert_array_equal(images.numpy(), PIXELS[indices.numpy()].transpose(0, 3, 1, 2))
    assert dataset.factors(indices).tolist() == [[1, 3], [4, 3], [0, 0], [1, 3], [1, 2], [2, 0], [0, 3]]


def test_a_rendered_file_is_named_so(tmp_path: Path) -> None:
    dataset = Shapes3D(write(tmp_path / "s.h5", rendered=True, renderer_version=3), factor_space=SPACE)
    assert (dataset.name, dataset.renderer_version) == ("rendered_shapes3d", 3)
    dataset = Shapes3D(write(tmp_path / "p.h5"), factor_space=SPACE)
    assert (dataset.name, dataset.renderer_version) == ("shapes3d", None)


def test_is_read_once_when_resident(tmp_path: Path) -> None:
    path = write(tmp_path / "s.h5")
    dataset = Shapes3D(path, factor_space=SPACE)
    assert dataset.to("cpu") is dataset
    path.unlink()
    dataset._source = None  # type: ignore[assignment]  # nothing is left to read from
    np.testing.assert_array_equal(dataset.images(torch.tensor([4])).numpy(), PIXELS[4:5].transpose(0, 3, 1, 2))
    assert dataset.to("meta").factors(torch.tensor([4])).device.type == "meta"


def test_label_numbers_may_differ_as_long_as_they_increase(tmp_path: Path) -> None:
    assert len(Shapes3D(write(tmp_path / "s.h5", labels=LABELS * 7 - 30), factor_space=SPACE)) == 20


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # Python 3.12 and newer
@pytest.mark.parametrize("storage", ["cache", "memory", "file"])
def test_forked_workers_read_what_the_main_process_reads(tmp_path: Path, storage: Storage) -> None:
    dataset = Shapes3D(write(tmp_path / "s.h5", chunks=CHUNKS[0]), storage, SPACE)
    expected = dataset.images(torch.arange(20))  # the file is open or mapped now
    loader = DataLoader(Items(dataset), 5, num_workers=2, multiprocessing_context="fork")
    torch.testing.assert_close(torch.cat(list(loader)), expected, rtol=0, atol=0)


def test_pickling_leaves_the_handle_out(tmp_path: Path) -> None:
    dataset = Shapes3D(write(tmp_path / "s.h5"), "file", SPACE)
    expected = dataset.images(torch.arange(20))
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy._source._file is None
    torch.testing.assert_close(copy.images(torch.arange(20)), expected, rtol=0, atol=0)


def test_rejects_a_missing_file_and_names_the_twin(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file .*s\.h5; .*data prepare shapes3d`.* RenderedShapes3D"):
        Shapes3D(tmp_path / "s.h5")


def test_rejects_a_file_that_is_no_hdf5_or_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    path.write_text("<html>quota exceeded</html>")
    with pytest.raises(OSError, match=r"s\.h5 cannot be read as HDF5 \(.*signature not found\)\); fetch"):
        Shapes3D(path, factor_space=SPACE)
    whole = write(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OSError, match=r"s\.h5 cannot be read as HDF5 \(.*truncated file.*\); fetch"):
        Shapes3D(path, factor_space=SPACE)


@pytest.mark.parametrize("storage", ["cache", "memory", "file"])
def test_rejects_a_damaged_image_when_it_is_read(tmp_path: Path, storage: Storage) -> None:
    path = write(tmp_path / "s.h5", chunks=CHUNKS[0])
    with h5py.File(path) as file:
        place = file["images"].id.get_chunk_info(3).byte_offset
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"\0" * 100)
    dataset = Shapes3D(path, storage, SPACE)
    with pytest.raises(OSError, match=r"s\.h5 is damaged inside 'images' \(.*\); fetch"):
        dataset.images(torch.arange(20))


def test_rejects_a_missing_array_and_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match=r"no array 'images' in .*s\.h5, which has labels; fetch"):
        Shapes3D(write(tmp_path / "s.h5", images=None), factor_space=SPACE)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": PIXELS[:19]}, r"'images' in .*s\.h5 .*\(20, 64, 64, 3\) uint8, got \(19, 64, 64, 3\) uint8"),
        ({"images": PIXELS / np.float32(255)}, r"'images' in .* uint8, got \(20, 64, 64, 3\) float32; fetch"),
        ({"labels": LABELS[:, :1]}, r"'labels' in .* \(20, 2\) float64, got \(20, 1\) float64"),
        ({"labels": LABELS[[*range(18), 19, 18]]}, r"row-major .* shape of row 18 is 3.0, not 2"),
        ({"labels": -LABELS}, r"hue in 'labels' of .*s\.h5 must increase.* got \[-0"),
        ({"labels": LABELS * np.nan}, "must increase"),
    ],
)
def test_rejects_arrays_of_another_shape_dtype_or_order(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Shapes3D(write(tmp_path / "s.h5", **arrays), factor_space=SPACE)
