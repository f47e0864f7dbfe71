"""Augmentations: own draws for each image, the same for any division into lists, processes and runs."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback, LightningModule
from scipy.stats import binomtest
from torch import Tensor
from torchvision.transforms import v2
from typing_extensions import override

from lr_lightning.data import (
    AugmentedPairs,
    FactorBatch,
    FactorDataModule,
    FactorDataset,
    FactorPairs,
    SampleGroups,
    TensorFactorDataset,
)
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.loading.augmentations import Augmentations
from lr_lightning.models import AdaGVAE, BetaVAE, SeedEnsemble
from lr_lightning.networks import MLP
from lr_lightning.testing.assay_tester import PairEnvironment
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer, weights
from lr_lightning.testing.two_processes import in_two_processes
from tests.conftest import Bars

# Lightning counts lists, and their logging by the Trainer
pytestmark = pytest.mark.filterwarnings("ignore:The number of training batches")


class Shade(v2.Transform):  # type: ignore[misc]
    """Multiplies an image by random numbers of all three libraries."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        drawn = torch.rand(1).item() + random.random() + np.random.random()  # noqa: NPY002
        return (inpt * (drawn / 3)).to(inpt.dtype)


class Broken(v2.Transform):  # type: ignore[misc]
    """Draws and fails."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        torch.rand(1)
        raise RuntimeError("broken\n  on purpose")


def states() -> list[Any]:
    """Return the states of the global generators."""
    return [torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())]  # noqa: NPY002


@pytest.fixture
def images() -> Tensor:
    """64 images (3, 10, 12)."""
    return torch.randint(0, 256, (64, 3, 10, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def augmented(images: Tensor, *transforms: v2.Transform, seed: int = 0, number: int = 0) -> Tensor:
    augmentations = Augmentations(transforms, seed)
    return augmentations(images, augmentations.seeds(number, len(images), 1)[:, 0])


def image_by_image(images: Tensor, *transforms: v2.Transform) -> Tensor:
    """Apply the transforms as torchvision does, to each image on its own after seeding everything."""
    seeds = Augmentations(transforms, 0).seeds(0, len(images), 1)[:, 0].tolist()
    results = []
    for image, own in zip(images, seeds, strict=True):
        for transform, seed in zip(transforms, own, strict=True):
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            image = transform(image)
        results.append(image)
    return torch.stack(results)


@pytest.mark.parametrize(
    "transforms",
    [
        [v2.RandomHorizontalFlip()],
        [v2.RandomVerticalFlip(0.3)],
        [v2.RandomCrop((10, 12), padding=3)],
        [v2.RandomCrop((10, 12), padding=(1, 2), padding_mode="reflect")],
        [v2.RandomCrop((10, 12), padding=(0, 1, 2, 3), padding_mode="symmetric"), v2.RandomHorizontalFlip(0.9)],
        [v2.RandomCrop((10, 12), padding=2, fill=(1, 2, 250)), v2.RandomVerticalFlip(1.0)],
        [v2.RandomCrop((10, 12), padding=2, padding_mode="edge"), Shade()],
        [v2.Pad(2), v2.RandomCrop((10, 12))],
        [v2.RandomCrop((8, 12)), v2.RandomCrop((10, 12), pad_if_needed=True)],
        [v2.RandomCrop((10, 12))],
        [v2.RandomResize(12, 16), v2.RandomCrop((10, 12))],
        [v2.RandomApply([v2.RandomHorizontalFlip(), Shade()], 0.5), v2.RandomErasing()],
        [v2.RandomResizedCrop((10, 12), scale=(0.5, 1.0)), v2.ColorJitter(0.4, 0.4, 0.4, 0.1)],
        [v2.RandomChoice([v2.GaussianBlur(3), v2.RandomInvert(0.5)]), v2.GaussianNoise()],
    ],
    ids=lambda transforms: "-".join(type(transform).__name__ for transform in transforms),
)
def test_images_are_those_of_one_call_for_each(images: Tensor, transforms: list[v2.Transform]) -> None:
    with torch.random.fork_rng():
        expected = image_by_image(images.clone(), *transforms)
    found = augmented(images.clone(), *transforms)
    assert torch.equal(found, expected)
    assert found.dtype == torch.uint8
    assert found.is_contiguous()
    assert torch.equal(augmented(images.clone(), *transforms), found)


@pytest.mark.parametrize("transform", [v2.RandomHorizontalFlip(), v2.RandomCrop(6, padding=1), Shade()])
def test_draws_differ_between_images_batches_and_seeds(transform: v2.Transform) -> None:
    same = torch.randint(1, 256, (1, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    same = same.expand(32, 1, 6, 6)
    found = augmented(same, transform)
    assert not torch.equal(found, found[:1].expand_as(found))
    for other in (augmented(same, transform, number=1), augmented(same, transform, seed=1)):
        assert not torch.equal(found, other)
    # neighboring seeds and numbers share no draws
    assert not torch.equal(augmented(same, transform, seed=1), augmented(same, transform, number=1))


def test_flips_are_independent_and_have_their_probability() -> None:
    image = torch.tensor([[[[0, 1]]]], dtype=torch.uint8).expand(4000, 1, 1, 2)
    flipped = augmented(image, v2.RandomHorizontalFlip(0.3), v2.RandomHorizontalFlip(0.5))[:, 0, 0, 0]
    once = augmented(image, v2.RandomHorizontalFlip(0.3))[:, 0, 0, 0]
    # significance 0.001, at fixed seeds; two flips: .3 * .5 + .7 * .5, and the same for neighbors in the batch
    for events, probability in ((once, 0.3), (flipped, 0.5), (flipped[1:] ^ flipped[:-1], 0.5)):
        assert binomtest(int(events.sum()), len(events), probability).pvalue > 1e-3


@pytest.mark.parametrize("failing", [False, True])
def test_global_generators_stay_as_they_are(images: Tensor, failing: bool) -> None:
    before = states()
    with pytest.raises(ValueError, match="Broken") if failing else torch.no_grad():
        transforms = [v2.RandomHorizontalFlip(), v2.RandomCrop((10, 12), padding=1), Shade(), v2.ColorJitter(0.1)]
        Augmentations([*transforms, *([Broken()] if failing else [])], 0).check(images)
    assert states() == before


def test_draws_do_not_depend_on_the_global_generators(images: Tensor) -> None:
    found = augmented(images, Shade(), v2.RandomHorizontalFlip())
    torch.rand(1)
    random.random()
    np.random.random()  # noqa: NPY002
    assert torch.equal(augmented(images, Shade(), v2.RandomHorizontalFlip()), found)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("transform", [v2.RandomHorizontalFlip(), v2.RandomCrop((10, 12), padding=2), Shade()])
def test_draws_on_a_gpu_are_those_on_a_cpu(images: Tensor, transform: v2.Transform) -> None:
    found = augmented(images.cuda(), transform)
    assert found.is_cuda
    assert torch.equal(found.cpu(), augmented(images, transform))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_generator_of_a_gpu_is_seeded_and_restored(images: Tensor) -> None:
    """Noise is drawn on the device."""
    torch.cuda.manual_seed(3)
    before = torch.cuda.get_rng_state()
    Augmentations([v2.GaussianNoise()], 0).check(images.cuda())  # recognized as random
    found = augmented(images.cuda(), v2.GaussianNoise())
    assert torch.equal(torch.cuda.get_rng_state(), before)
    torch.cuda.manual_seed(4)
    assert torch.equal(augmented(images.cuda(), v2.GaussianNoise()), found)
    assert not torch.equal(augmented(images.cuda(), v2.GaussianNoise(), number=1), found)


def test_takes_float_images_in_the_unit_interval(images: Tensor) -> None:
    floats = images.float() / 255
    Augmentations([v2.GaussianNoise(), v2.ColorJitter(0.5)], 0).check(floats)
    Augmentations([v2.RandomHorizontalFlip()], 0).check(floats * 4 - 2)
    with pytest.raises(ValueError, match=r"augmentations.*\[0, 1\].*-.*GaussianNoise"):
        Augmentations([v2.GaussianNoise(clip=False)], 0).check(floats)


@pytest.mark.parametrize(
    ("transforms", "message"),
    [
        ([v2.RandomCrop(8)], r"augmentations.*uint8 \(3, 10, 12\).*\(3, 8, 8\).*RandomCrop"),
        ([v2.RandomResize(8, 12)], r"augmentations.*\(3, 10, 12\).*RandomResize"),
        ([v2.RandomCrop(99)], r"augmentations.*RandomCrop.*99"),
        ([v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32, scale=True)], "uint8.*float32.*ToDtype"),
        ([v2.Normalize([0.5], [0.5])], "augmentations: Normalize.*float"),
        ([v2.RandomHorizontalFlip(), v2.ToPILImage()], r"uint8 \(3, 10, 12\), got Image.*ToPILImage"),
        ([Broken()], r"augmentations: Broken.*\(broken on purpose\)"),
        ([v2.CenterCrop((10, 12))], "augmentations.*CenterCrop.*transforms"),
    ],
)
def test_rejects(images: Tensor, transforms: list[v2.Transform], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Augmentations(transforms, 0).check(images)


@pytest.mark.parametrize(
    ("transforms", "message"),
    [
        (v2.RandomHorizontalFlip(), "augmentations.*list.*RandomHorizontalFlip"),
        ([torch.nn.ReLU()], r"augmentations.*ReLU"),
        (["RandomHorizontalFlip"], r"augmentations.*RandomHorizontalFlip"),
    ],
)
def test_rejects_what_is_no_transform(bars: FactorDataset, transforms: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        FactorDataModule(bars, val_size=8, augmentations=transforms)


# Runs


TRANSFORMS = [v2.RandomHorizontalFlip(), v2.RandomCrop(8, padding=1), Shade()]
GROUPS = [None, AugmentedPairs(), FactorPairs(1)]


class Batches(Callback):
    """Keeps what the model trains on and validates."""

    def __init__(self) -> None:
        self.training: list[Any] = []
        self.validation: list[Any] = []

    @override
    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        self.training += batch if isinstance(batch, list) else [batch]

    @override
    def on_validation_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, *args: Any) -> None:
        self.validation.append(batch)


def make(groups: SampleGroups | None, **options: Any) -> BetaVAE:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        kind = BetaVAE if groups is None else AdaGVAE
        return kind(MLP(3, (3, 8, 8), widths=(16,)), optimizer=lambda p: torch.optim.Adam(p, lr=1e-2), **options)


def fit(
    model: LightningModule,
    folder: Path,
    groups: SampleGroups | None = None,
    checkpoint: Path | None = None,
    data: dict[str, Any] | None = None,
    **options: Any,
) -> tuple[Any, list[Any]]:
    """Train on augmented bars for seven steps, four in an epoch; return the Trainer and the training batches."""
    batches = Batches()
    defaults: dict[str, Any] = {"max_epochs": -1, "max_steps": 7, "limit_val_batches": 0}
    trainer = tiny_trainer(folder, batches, **(defaults | options))
    module = tiny_data(Bars(), groups=groups, **({"augmentations": TRANSFORMS} | (data or {})))
    trainer.fit(model, datamodule=module, ckpt_path=checkpoint)
    return trainer, batches.training


def equal(first: Sequence[Any], second: Sequence[Any]) -> bool:
    return all(torch.equal(a, b) for one, two in zip(first, second, strict=True) for a, b in zip(one, two, strict=True))


def test_training_alone_is_augmented(bars: FactorDataset, tmp_path: Path) -> None:
    plain, changed = Batches(), Batches()
    for callback, augmentations in ((plain, None), (changed, TRANSFORMS)):
        data = tiny_data(bars, augmentations=augmentations)
        trainer = tiny_trainer(tmp_path, callback, max_epochs=2)
        trainer.fit(make(None), datamodule=data)
        for loader in (data.val_dataloader(), data.test_dataloader(), data.predict_dataloader()):
            for batch in loader:
                assert torch.equal(batch.images, bars.images(bars.factor_space.indices(batch.factors)))
    assert len(plain.validation) == len(changed.validation) > 3
    assert equal(plain.validation, changed.validation)
    assert len(plain.training) == len(changed.training) == 8
    for expected, batch in zip(plain.training, changed.training, strict=True):
        assert isinstance(batch, FactorBatch)
        assert torch.equal(batch.factors, expected.factors)  # in the same order
        assert batch.images.dtype == torch.float32
        assert 0 <= batch.images.min() < batch.images.max() <= 1
        assert (batch.images != expected.images).flatten(1).any(dim=1).float().mean() > 0.7
    assert not equal(changed.training[:4], changed.training[4:])


@pytest.mark.parametrize("groups", GROUPS)
def test_a_run_resumed_inside_an_epoch_equals_an_uninterrupted_one(groups: SampleGroups | None, tmp_path: Path) -> None:
    whole, half, rest = (make(groups) for _ in range(3))
    _, expected = fit(whole, tmp_path, groups)
    trainer, _ = fit(half, tmp_path, groups, max_steps=6)
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    _, found = fit(rest, tmp_path, groups, tmp_path / "half.ckpt")
    assert equal(found, expected[6:])
    assert torch.equal(weights(rest), weights(whole))


@pytest.mark.parametrize("groups", GROUPS)
def test_lists_of_batches_are_augmented_as_single_ones(groups: SampleGroups | None, tmp_path: Path) -> None:
    plain, several = make(groups), make(groups, updates_per_batch=3)
    _, expected = fit(plain, tmp_path, groups)
    _, found = fit(several, tmp_path, groups)
    assert equal(found[:7], expected)  # the list that max_steps cuts has an eighth
    assert torch.equal(weights(several), weights(plain))
    # a resumed run finishes the list, and goes on
    half, rest = (make(groups, updates_per_batch=3) for _ in range(2))
    trainer, _ = fit(half, tmp_path, groups, max_steps=5)
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    fit(rest, tmp_path, groups, tmp_path / "half.ckpt")
    assert torch.equal(weights(rest), weights(plain))


@pytest.mark.parametrize("updates", [1, 3])
def test_seeds_of_an_ensemble_see_the_images_of_a_single_run(updates: int, tmp_path: Path) -> None:
    alone = make(None)
    _, expected = fit(alone, tmp_path)
    together = SeedEnsemble([make(None, updates_per_batch=updates) for _ in range(2)], (0, 1))
    _, found = fit(together, tmp_path)
    assert equal(found[:7], expected)
    assert torch.equal(weights(together.members[0]), weights(alone))


@pytest.mark.parametrize("groups", GROUPS)
def test_data_on_the_device_are_augmented_alike(groups: SampleGroups | None, tmp_path: Path) -> None:
    _, expected = fit(make(groups), tmp_path, groups)
    _, found = fit(make(groups), tmp_path, groups, data={"device_resident": True})
    assert equal(found, expected)
    _, other = fit(make(groups), tmp_path, groups, data={"shuffle_seed": 1})
    assert not equal(other, expected)


def fit_in_pair(groups: SampleGroups | None, rank: int, folder: Path, updates: int) -> tuple[int, list[Any]]:
    """Train as process ``rank`` of two, with half the batch size; return it with the training batches."""
    options: dict[str, Any] = {"devices": 2, "strategy": "ddp", "plugins": [PairEnvironment(rank)], "max_steps": 6}
    _, batches = fit(make(groups, updates_per_batch=updates), folder, groups, data={"batch_size": 4}, **options)
    return rank, batches


@pytest.mark.parametrize(("groups", "updates"), [(None, 1), (AugmentedPairs(), 3), (FactorPairs(1), 1)])
def test_two_processes_share_the_images_of_one(groups: SampleGroups | None, updates: int, tmp_path: Path) -> None:
    _, expected = fit(make(groups), tmp_path, groups, max_steps=6)
    pair = [batches for _, batches in sorted(in_two_processes(fit_in_pair, groups, tmp_path, updates))]
    joined = [[torch.cat(fields) for fields in zip(*ranks, strict=True)] for ranks in zip(*pair, strict=True)]
    assert equal(joined[:6], expected)  # the list that max_steps cuts has a seventh


def test_augmentation_changes_no_other_draws(bars: FactorDataset, tmp_path: Path) -> None:
    """Callbacks and networks draw from the global generators as without augmentations."""
    for augmentations in (None, TRANSFORMS):
        torch.manual_seed(3)
        before = torch.get_rng_state()
        fit(make(None), tmp_path, data={"augmentations": augmentations})
        assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("device_resident", [True, False])
def test_a_transform_that_does_not_fit_is_refused_before_the_first_step(
    bars: FactorDataset, tmp_path: Path, device_resident: bool
) -> None:
    data = tiny_data(bars, augmentations=[v2.RandomCrop(4)], device_resident=device_resident)
    batches = Batches()
    with pytest.raises(ValueError, match=r"augmentations.*\(3, 4, 4\)"):
        tiny_trainer(tmp_path, batches).fit(make(None), datamodule=data)
    assert not batches.training
    assert not batches.validation


def test_rejects_observations_that_are_no_images() -> None:
    points = TensorFactorDataset(
        "points", torch.zeros(9, 3), torch.zeros(9, 1, dtype=torch.int64), FactorSpace(["one"], [1])
    )
    with pytest.raises(ValueError, match=r"augmentations.*points.*\(3,\)"):
        FactorDataModule(points, val_size=2, augmentations=TRANSFORMS)
    FactorDataModule(points, val_size=2, augmentations=[])
