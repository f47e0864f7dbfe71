"""Pairs of two augmentations of one image, and models trained on them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from lr_lightning.data import (
    AugmentedPairs,
    FactorCorrelation,
    FactorDataModule,
    FactorDataset,
    FactorSpace,
    PairBatch,
    TensorFactorDataset,
)
from lr_lightning.models import AdaGVAE, AdaMLVAE, BetaVAE
from lr_lightning.models.ada_vae import AdaVAE
from lr_lightning.networks import MLP
from lr_lightning.testing.tiny_runs import tiny_trainer
from tests.models.test_base import Recorder

SMALL = [v2.RandomCrop(8, padding=1, padding_mode="edge")]


def photographs() -> TensorFactorDataset:
    """Return 60 images without any factor that they share, as a set of photographs: every label occurs once."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(60, 3, 2, 2, generator=generator)
    images = (torch.nn.functional.interpolate(coarse, size=8, mode="bilinear") * 255).to(torch.uint8)
    factors = torch.stack([torch.arange(60), torch.arange(60) % 2], dim=1)
    return TensorFactorDataset("photographs", images, factors, FactorSpace(["picture", "kind"], [60, 2]))


def module(dataset: FactorDataset, **options: Any) -> FactorDataModule:
    defaults: dict[str, Any] = {"batch_size": 8, "val_size": 12, "batches_per_epoch": 4, "augmentations": SMALL}
    return FactorDataModule(dataset, groups=AugmentedPairs(), **(defaults | options))


def pairs(data: FactorDataModule, epochs: int = 1) -> PairBatch:
    """Return the pairs of ``epochs`` epochs, joined."""
    data.setup("fit")
    loader = data.train_dataloader()
    batches = [data.on_after_batch_transfer(batch, 0) for _ in range(epochs) for batch in loader]
    assert {type(batch) for batch in batches} == {PairBatch}
    return PairBatch(*map(torch.cat, zip(*batches, strict=True)))


def is_shift(image: Tensor, picture: Tensor) -> bool:
    """Return whether ``image`` is ``picture``, moved by at most a pixel."""
    padded = torch.nn.functional.pad(picture[None], (1, 1, 1, 1), mode="replicate")[0]
    return any(torch.equal(image, padded[:, y : y + 8, x : x + 8]) for y in range(3) for x in range(3))


def test_both_images_come_from_one_picture_by_draws_of_their_own() -> None:
    dataset = photographs()
    found = pairs(module(dataset), epochs=6)
    pictures = dataset.images(found.factors[:, 0]).float() / 255
    for image, second, picture in zip(found.images, found.second_images, pictures, strict=True):
        assert is_shift(image, picture)
        assert is_shift(second, picture)
    assert torch.equal(found.factors, found.second_factors)
    equal = (found.images == found.second_images).flatten(1).all(dim=1)
    assert 0 < equal.sum() < 48  # a ninth of 192 pairs, plus or minus 4.4
    assert len(set(found.factors[:, 0].tolist())) == 48


def test_a_transform_that_changes_its_input_leaves_the_other_image_alone() -> None:
    dataset = photographs()
    found = pairs(module(dataset, augmentations=[v2.RandomErasing(0.5, scale=(0.2, 0.3), inplace=True)]), epochs=3)
    pictures = dataset.images(found.factors[:, 0]).float() / 255
    first, second = ((images == pictures).flatten(1).all(dim=1) for images in (found.images, found.second_images))
    for erased in (first & ~second, ~first & second):
        assert erased.sum() > 10  # a quarter of 96


def test_samples_are_drawn_as_without_groups(bars: FactorDataset) -> None:
    """From what is left to train on, by the density of correlated factors."""
    options: dict[str, Any] = {"val_size": 4, "held_out": [{"row": [0], "column": [1, 2]}]}
    options["correlations"] = [FactorCorrelation("row", "column", 0.4)]
    found = pairs(module(bars, **options), epochs=3)
    plain = FactorDataModule(bars, batch_size=8, batches_per_epoch=4, **options)
    plain.setup("fit")
    loader = plain.train_dataloader()
    expected = torch.cat([batch.factors for _ in range(3) for batch in loader])
    assert torch.equal(found.factors, expected)
    restricted = pairs(module(photographs(), restricted={"kind": [1]}, val_size=4))
    assert (restricted.factors[:, 1] == 1).all()


def test_images_without_factors_make_pairs() -> None:
    images = photographs().images(torch.arange(60))
    dataset = TensorFactorDataset("unlabeled", images, torch.zeros(60, 0, dtype=torch.int64), FactorSpace([], []))
    found = pairs(module(dataset, device_resident=True))
    assert found.images.shape == found.second_images.shape == (32, 3, 8, 8)
    assert found.factors.shape == found.second_factors.shape == (32, 0)
    with pytest.raises(ValueError, match=r"held_out.*'kind'"):
        module(dataset, held_out=[{"kind": [0]}])


@pytest.mark.parametrize("augmentations", [None, []])
def test_requires_augmentations(bars: FactorDataset, augmentations: list[v2.Transform] | None) -> None:
    with pytest.raises(ValueError, match=r"AugmentedPairs.*augmentations"):
        FactorDataModule(bars, val_size=8, groups=AugmentedPairs(), augmentations=augmentations)


def model(kind: type[BetaVAE], **options: Any) -> BetaVAE:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        defaults: dict[str, Any] = {"beta": 1.0, "optimizer": lambda p: torch.optim.Adam(p, lr=1e-2)}
        return kind(MLP(4, (3, 8, 8), widths=(32,)), **(defaults | options))


@pytest.mark.parametrize("kind", [AdaGVAE, AdaMLVAE])
def test_weakly_supervised_models_train_without_labels(kind: type[AdaVAE], tmp_path: Path) -> None:
    recorder = Recorder()
    trainer = tiny_trainer(tmp_path, max_epochs=1, logger=recorder, log_every_n_steps=1)
    trainer.fit(model(kind), datamodule=module(photographs(), batches_per_epoch=150))
    rows = [row for _, row in recorder.training()]
    assert rows[-1]["train/loss"] < 0.95 * rows[0]["train/loss"]
    # the least divergence of four is shared and the greatest is not, except where both images are equal: then none is
    assert all(0 < row["train/shared_latents"] <= 3 for row in rows)
    assert trainer.callback_metrics.keys() == {"val/loss", "val/reconstruction", "val/kl"}


def test_no_latent_counts_as_shared_where_augmentations_change_nothing(tmp_path: Path) -> None:
    recorder = Recorder()
    data = module(photographs(), augmentations=[v2.RandomHorizontalFlip(0.0)])
    trainer = tiny_trainer(tmp_path, max_epochs=1, logger=recorder, log_every_n_steps=1, limit_val_batches=0)
    trainer.fit(model(AdaGVAE), datamodule=data)
    assert [row["train/shared_latents"] for _, row in recorder.training()] == [0] * 4
