"""Observations that ship with a page."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from lr_lightning.assays import encode_means
from lr_lightning.data import FactorSpace
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset
from lr_lightning.explorer.examples import Examples, choose_examples
from lr_lightning.testing.bars import Bars
from tests.explorer.explored import explored_bars


def pixels(source: str) -> np.ndarray:
    kind, _, data = source.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data, validate=True))))


def choose(**changes: object) -> Examples:
    return choose_examples(explored_bars(**changes), torch.Generator().manual_seed(0))


def test_originals_codes_and_factors_belong_together() -> None:
    found, dataset, explored = choose(), Bars(), explored_bars()
    for entry, code in zip(found.entries, found.codes, strict=True):
        factors = torch.tensor([list(entry["factors"].values())])
        image = dataset.images(dataset.factor_space.indices(factors))
        assert (pixels(entry["original"]) == image[0].permute(1, 2, 0).numpy()).all()
        expected = encode_means(explored.autoencoder, image)[0]
        assert code.allclose(expected, atol=1e-5)
        assert entry["code"] == pytest.approx(expected.tolist(), rel=1e-4, abs=1e-5)
        with torch.no_grad():
            posterior = explored.autoencoder.encode(image.float() / 255)
        assert entry["deviations"] == pytest.approx(posterior.stddev[0].tolist(), rel=1e-4)  # type: ignore[union-attr]


def test_traversals_vary_one_factor_alone() -> None:
    found = choose()
    assert [row["factor"] for row in found.traversals] == ["colour", "row", "column"]
    for row in found.traversals:
        factors = [found.entries[index]["factors"] for index in row["examples"]]
        varying = {name for name in factors[0] if len({each[name] for each in factors}) > 1}
        assert varying == {row["factor"]}
        assert [each[row["factor"]] for each in factors] == list(range(len(factors)))
    assert found.factors[0] == {"name": "colour", "size": 3, "values": ["0", "1", "2"]}
    assert len({str(entry["factors"]) for entry in found.entries}) == len(found.entries)  # each once


def test_the_first_one_is_typical() -> None:
    found, explored = choose(), explored_bars()
    assert explored.codes is not None
    distances = (explored.codes - explored.codes.mean(dim=0)).norm(dim=1)  # all 48 are candidates
    assert found.codes[0].allclose(explored.codes[distances.argmin()], atol=1e-5)
    for row in found.traversals:
        shared = [found.entries[index]["factors"] | {row["factor"]: None} for index in row["examples"]]
        assert shared == [found.entries[0]["factors"] | {row["factor"]: None}] * len(shared)


def test_large_images_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lr_lightning.explorer.examples._VALUES", 9 * 3 * 8 * 8)
    found = choose()
    assert len(found.entries) == 9
    assert found.traversals  # those that fit
    monkeypatch.setattr("lr_lightning.explorer.examples._VALUES", 1)
    assert len(choose().entries) == 8


def test_gray_images_and_images_with_two_channels() -> None:
    generator = torch.Generator().manual_seed(0)
    gray = torch.rand(20, 1, 8, 8, generator=generator)
    explored = explored_bars(dataset=None, observations=gray.expand(20, 3, 8, 8))
    found = choose_examples(explored, generator)
    assert np.abs(pixels(found.entries[0]["original"])[:, :, 0] / 255 - gray[0, 0].numpy()).max() < 0.5 / 255 + 1e-6
    from lr_lightning.explorer.pictures import original

    assert np.abs(pixels(str(original(gray[1]))) / 255 - gray[1, 0].numpy()).max() < 0.5 / 255 + 1e-6
    two = torch.rand(2, 4, 4, generator=generator)
    assert original(two) == pytest.approx(two.flatten().tolist(), rel=1e-5)


def test_data_without_labels_are_random() -> None:
    images = Bars().images(torch.arange(48))
    dataset = TensorFactorDataset("plain", images, torch.empty(48, 0, dtype=torch.int64), FactorSpace([], []))
    found = choose(dataset=dataset, factors=None)
    assert len(found.entries) in (16, 17)  # the typical one may be among the random ones
    assert found.traversals == found.factors == []
    assert all(entry["factors"] == {} for entry in found.entries)


def test_there_are_none_without_data() -> None:
    found = choose(dataset=None, observations=None)
    assert found.entries == []
    assert found.codes.shape == (0, 3)
