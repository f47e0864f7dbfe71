"""Split, order and state of the data module."""

from math import exp, inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor
from typing_extensions import override

from lr_lightning.data import (
    BatchLoader,
    FactorBatch,
    FactorCorrelation,
    FactorDataModule,
    FactorDataset,
    FactorGroups,
    FactorPairs,
    FactorSpace,
    FactorTriplets,
)
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset
from lr_lightning.testing.tiny_runs import tiny_model, tiny_trainer


def make(dataset: FactorDataset, **options: Any) -> FactorDataModule:
    """Return a data module after setup: 40 training samples in batches of 8, 8 for validation in batches of 3."""
    arguments = {"batch_size": 8, "eval_batch_size": 3, "val_size": 8} | options
    data = FactorDataModule(dataset, **arguments)
    data.setup("fit")
    return data


def samples(dataset: FactorDataset, loader: BatchLoader) -> list[int]:
    """Return the numbers of the samples of one iteration."""
    return dataset.factor_space.indices(torch.cat([batch.factors for batch in loader])).tolist()


def test_split_is_disjoint_and_complete(bars: FactorDataset) -> None:
    data = make(bars)
    validation, training = samples(bars, data.val_dataloader()), samples(bars, data.train_dataloader())
    assert (len(validation), len(training)) == (8, 40)
    assert sorted(validation + training) == list(range(48))


def test_split_depends_on_its_seed_alone(bars: FactorDataset) -> None:
    first = samples(bars, make(bars).val_dataloader())
    torch.rand(3)
    assert samples(bars, make(bars, shuffle_seed=5, batch_size=4).val_dataloader()) == first
    assert samples(bars, make(bars, split_seed=1).val_dataloader()) != first


def test_split_is_that_of_earlier_versions(bars: FactorDataset) -> None:
    # Runs that share a split must go on sharing it: the first values of the permutation with seed 0.
    order = torch.randperm(48, generator=torch.Generator().manual_seed(0))
    assert samples(bars, make(bars).val_dataloader()) == order[:8].tolist()


def test_order_of_training_depends_on_its_seed_alone(bars: FactorDataset) -> None:
    first = samples(bars, make(bars).train_dataloader())
    torch.rand(3)
    assert samples(bars, make(bars).train_dataloader()) == first
    other = samples(bars, make(bars, shuffle_seed=1).train_dataloader())
    assert other != first
    assert sorted(other) == sorted(first)


def test_leaves_the_global_generator_alone(bars: FactorDataset) -> None:
    state = torch.get_rng_state()
    data = make(bars)
    samples(bars, data.train_dataloader())
    samples(bars, data.val_dataloader())
    assert torch.equal(torch.get_rng_state(), state)


def test_batch_sizes_are_those_asked_for(bars: FactorDataset) -> None:
    data = make(bars, batches_per_epoch=7)
    assert [len(batch.images) for batch in data.train_dataloader()] == [8] * 7
    assert [len(batch.images) for batch in data.val_dataloader()] == [3, 3, 2]
    assert [len(batch.images) for batch in data.test_dataloader()] == [3] * 16


def test_test_is_the_whole_set_in_its_order(bars: FactorDataset) -> None:
    data = make(bars)
    assert samples(bars, data.test_dataloader()) == list(range(48))
    assert samples(bars, data.predict_dataloader()) == list(range(48))


def test_test_can_be_a_part_of_the_set(bars: FactorDataset) -> None:
    part = samples(bars, make(bars, test_size=20).test_dataloader())
    assert len(set(part)) == 20
    assert part == samples(bars, make(bars, test_size=20).test_dataloader())
    assert part != samples(bars, make(bars, test_size=20, split_seed=1).test_dataloader())


@pytest.mark.parametrize(("limit", "world_size", "num_seen"), [(2, 1, 6), (0.5, 1, 24), (2, 3, 18), (99, 1, 48)])
def test_an_evaluation_that_is_cut_sees_a_seeded_random_part(
    bars: FactorDataset, limit: float, world_size: int, num_seen: int
) -> None:
    def seen(**options: Any) -> tuple[list[int], list[int]]:
        """Return the samples of the batches that the limit leaves, and of all, of all processes."""
        shares: list[list[Tensor]] = []
        for rank in range(world_size):
            data = make(bars, **options)
            data.trainer = SimpleNamespace(  # type: ignore[assignment]
                global_rank=rank, world_size=world_size, limit_test_batches=limit, limit_predict_batches=limit
            )
            loader = data.test_dataloader()
            predicted = data.predict_dataloader()
            assert torch.equal(predicted.indices, loader.indices)
            shares.append([batch.factors for batch in loader])
        num_batches = limit if isinstance(limit, int) else int(len(shares[0]) * limit)
        return tuple(  # type: ignore[return-value]
            bars.factor_space.indices(torch.cat([f for share in shares for f in share[:count]])).tolist()
            for count in (num_batches, None)
        )

    first, whole = seen()
    assert len(first) == num_seen
    assert sorted(whole) == list(range(48))
    assert sorted(first) == sorted(seen(shuffle_seed=1)[0])
    if num_seen < 48:
        assert sorted(first) != list(range(num_seen))  # the beginning of the grid
        assert sorted(first) != sorted(seen(split_seed=1)[0])
    if world_size == 1:
        assert first == sorted(first)


def test_rejects_fewer_samples_than_processes(bars: FactorDataset) -> None:
    """A process without batches would let the others wait for it for ever."""
    data = make(bars, val_size=2, test_size=3)
    data.trainer = SimpleNamespace(global_rank=2, world_size=3)  # type: ignore[assignment]
    with pytest.raises(ValueError, match=r"2 samples.*3 processes"):
        data.val_dataloader()
    assert len(data.test_dataloader()) == 1


def test_state_continues_training_where_it_was(bars: FactorDataset) -> None:
    whole = make(bars, batches_per_epoch=3)
    loader = whole.train_dataloader()
    first = samples(bars, loader)
    state = whole.state_dict()
    rest = samples(bars, loader)
    assert first != rest
    assert state == {"position": 3}

    resumed = make(bars, batches_per_epoch=3)
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    assert samples(bars, resumed.train_dataloader()) == rest
    assert resumed.state_dict() == {"position": 6}


def test_a_loader_that_replaces_another_goes_on_where_that_was(bars: FactorDataset) -> None:
    whole, replaced = make(bars, batches_per_epoch=3), make(bars, batches_per_epoch=3)
    loader = whole.train_dataloader()
    epochs = [samples(bars, loader) for _ in range(3)]
    assert [samples(bars, replaced.train_dataloader()) for _ in range(3)] == epochs


def test_a_state_counts_for_a_data_module_that_was_trained_with_before(bars: FactorDataset) -> None:
    fresh, used = make(bars, batches_per_epoch=3), make(bars, batches_per_epoch=3)
    samples(bars, used.train_dataloader())
    for data in (fresh, used):
        data.load_state_dict({"position": 5})
        assert data.state_dict() == {"position": 5}
    assert samples(bars, used.train_dataloader()) == samples(bars, fresh.train_dataloader())


def test_state_travels_with_the_checkpoint(bars: FactorDataset, tmp_path: Path) -> None:
    data = make(bars, batches_per_epoch=3)
    trainer = tiny_trainer(tmp_path, max_epochs=2)
    trainer.fit(tiny_model(), datamodule=data)
    trainer.save_checkpoint(tmp_path / "data.ckpt")
    checkpoint = torch.load(tmp_path / "data.ckpt", weights_only=True)
    assert checkpoint["FactorDataModule"] == {"position": 6}


def test_processes_of_a_trainer_share_the_samples(bars: FactorDataset) -> None:
    parts = []
    for rank in range(2):
        data = make(bars)
        data.trainer = SimpleNamespace(global_rank=rank, world_size=2, lightning_module=None)  # type: ignore[assignment]
        parts.append([samples(bars, loader()) for loader in (data.train_dataloader, data.val_dataloader)])
    data = make(bars, batch_size=16)
    assert set(parts[0][0] + parts[1][0]) == set(samples(bars, data.train_dataloader()))
    interleaved = [sample for pair in zip(parts[0][1], parts[1][1], strict=True) for sample in pair]
    assert interleaved == samples(bars, data.val_dataloader())


def test_images_become_floats_after_the_transfer(bars: FactorDataset) -> None:
    data = make(bars)
    batch = next(iter(data.val_dataloader()))
    moved = data.on_after_batch_transfer(batch, 0)
    assert isinstance(moved, FactorBatch)
    assert moved.images.dtype == torch.float32
    assert torch.equal(moved.images, batch.images / 255)
    assert moved.factors is batch.factors
    floats = torch.tensor([[3.0, -2.0]])  # data that are no images
    unchanged = data.on_after_batch_transfer(FactorBatch(floats, batch.factors), 0)
    assert isinstance(unchanged, FactorBatch)
    assert unchanged.images.tolist() == [[3.0, -2.0]]


class Movable(TensorFactorDataset):
    """Remembers where it was moved to."""

    moved: str | None = None

    @override
    def to(self, device: torch.device | str) -> Self:
        self.moved = str(device)
        return self


@pytest.mark.parametrize(("device_resident", "moved"), [(True, "cpu"), (False, None)])
def test_data_move_to_the_device_only_when_asked(device_resident: bool, moved: str | None, tmp_path: Path) -> None:
    dataset = Movable("m", torch.zeros(9, 3, 8, 8), torch.zeros(9, 1, dtype=torch.int64), FactorSpace(["one"], [1]))
    data = FactorDataModule(dataset, val_size=2, device_resident=device_resident)
    tiny_trainer(tmp_path).validate(tiny_model(), datamodule=data, verbose=False)
    assert dataset.moved == moved


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"val_size": 48}, "val_size must be below the 48 samples of bars, got 48"),
        ({"val_size": 0}, "val_size must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"eval_batch_size": -1}, "eval_batch_size must be at least 1, got -1"),
        ({"batches_per_epoch": 0}, "batches_per_epoch must be at least 1, got 0"),
        ({"test_size": 0}, r"test_size must lie in 1\.\.48, got 0"),
        ({"test_size": 49}, r"test_size must lie in 1\.\.48, got 49"),
        ({"split_seed": 2**63}, f"split_seed must be .* got {2**63}"),
        ({"shuffle_seed": -(2**63) - 1}, f"shuffle_seed must be .* got {-(2**63) - 1}"),
    ],
)
def test_rejects(bars: FactorDataset, options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FactorDataModule(bars, **({"val_size": 8} | options))  # type: ignore[arg-type]


def test_rejects_batches_larger_than_what_is_left_to_train_on(bars: FactorDataset) -> None:
    with pytest.raises(ValueError, match=r"40 training samples do not fill one batch of 41 .* lower batch_size"):
        make(bars, batch_size=41).train_dataloader()


def test_largest_sizes_are_accepted(bars: FactorDataset) -> None:
    data = make(bars, val_size=47, test_size=48, batch_size=1)
    sizes: list[Tensor] = [data.train_indices, data.val_indices, data.test_indices]
    assert list(map(len, sizes)) == [1, 47, 48]


# Training on a part of the combinations, or some more often than others


def training_samples(data: FactorDataModule, epochs: int = 1) -> list[int]:
    """Return the numbers of the samples of ``epochs`` iterations of training, of pairs those of both members."""
    loader = data.train_dataloader()
    batches = [batch for _ in range(epochs) for batch in loader]
    factors = [part for batch in batches for part in batch[len(batch) // 2 :]]
    return data.dataset.factor_space.indices(torch.cat(factors)).tolist()


HELD_OUT = [{"colour": [0], "row": [1, 3]}, {"column": [2], "row": [0]}]


def is_held_out(sample: int) -> bool:
    color, row, column = sample // 16, sample // 4 % 4, sample % 4
    return (color == 0 and row in (1, 3)) or (column == 2 and row == 0)


GROUPS = [None, FactorPairs(1), FactorTriplets(1, 2)]


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("correlations", [None, [FactorCorrelation("row", "column", 0.4)]])
def test_training_never_shows_what_is_held_out_nor_validation(
    bars: FactorDataset, groups: FactorGroups | None, correlations: list[FactorCorrelation] | None
) -> None:
    data = make(bars, held_out=HELD_OUT, restricted={"colour": [0, 1]}, groups=groups, correlations=correlations)
    validation = set(samples(bars, data.val_dataloader()))
    allowed = {sample for sample in range(32) if not is_held_out(sample)} - validation
    assert set(training_samples(data, epochs=60)) == allowed


def test_validation_and_test_stay_what_they_are_whatever_training_leaves_out(bars: FactorDataset) -> None:
    options = {
        "held_out": HELD_OUT,
        "restricted": {"colour": [0, 1]},
        "groups": FactorPairs(),
        "correlations": [FactorCorrelation("row", "column", 0.4)],
    }
    plain, shaped = make(bars, test_size=20), make(bars, test_size=20, **options)
    assert samples(bars, shaped.val_dataloader()) == samples(bars, plain.val_dataloader())
    assert samples(bars, shaped.test_dataloader()) == samples(bars, plain.test_dataloader())
    assert samples(bars, make(bars, **options).test_dataloader()) == list(range(48))
    for loader in (shaped.val_dataloader(), shaped.test_dataloader()):
        assert all(isinstance(batch, FactorBatch) for batch in loader)


def test_held_out_combinations_can_be_tested_alone(bars: FactorDataset) -> None:
    expected = [sample for sample in range(48) if is_held_out(sample) or sample < 16]
    options: dict[str, Any] = {"held_out": HELD_OUT, "restricted": {"colour": [1, 2]}, "test_on": "held_out"}
    assert samples(bars, make(bars, **options).test_dataloader()) == expected
    part = samples(bars, make(bars, test_size=5, **options).test_dataloader())
    assert len(set(part)) == 5
    assert set(part) < set(expected)
    assert part != samples(bars, make(bars, test_size=5, split_seed=1, **options).test_dataloader())


def test_a_restricted_run_walks_through_what_is_left_in_passes(bars: FactorDataset) -> None:
    data = make(bars, restricted={"colour": [0, 1]}, batch_size=1)
    validation = set(samples(bars, data.val_dataloader()))
    assert sorted(training_samples(data)) == sorted(set(range(32)) - validation)


def test_training_follows_the_density_of_the_correlations(bars: FactorDataset) -> None:
    correlations = [FactorCorrelation("row", "column", 0.3), FactorCorrelation("colour", "row", 0.8)]
    data = make(bars, correlations=correlations)
    counts = torch.tensor(training_samples(data, epochs=400)).bincount(minlength=48)
    weights = [
        exp(-((sample // 4 % 4 - sample % 4) ** 2) / 9 / 0.18 - (sample // 16 / 2 - sample // 4 % 4 / 3) ** 2 / 1.28)
        for sample in data.train_indices.tolist()
    ]
    expected = torch.tensor(weights) / sum(weights) * 16_000
    kept = expected > 5  # far corners are too rare to be counted
    found = counts[data.train_indices][kept]
    rest = [16_000 - found.sum().item(), 16_000 - expected[kept].sum().item()]
    # significance 0.001, at fixed seeds
    assert kept.sum() > 30
    assert chisquare([*found.tolist(), rest[0]], [*expected[kept].tolist(), rest[1]], sum_check=False).pvalue > 1e-3


def test_pairs_of_a_correlated_run_begin_with_its_density(bars: FactorDataset) -> None:
    data = make(bars, correlations=[FactorCorrelation("row", "column", 0.02)], groups=FactorPairs(changed=["colour"]))
    rows = bars.factors(torch.tensor(training_samples(data, epochs=20)))
    assert torch.equal(rows[:, 1], rows[:, 2])


def test_an_infinite_sigma_is_no_correlation(bars: FactorDataset) -> None:
    uniform = make(bars, correlations=[FactorCorrelation("row", "column", inf)])
    assert training_samples(uniform, epochs=3) == training_samples(make(bars), epochs=3)


@pytest.mark.parametrize("groups", GROUPS[1:])
def test_groups_come_in_batches_of_their_own_kind(bars: FactorDataset, groups: FactorGroups) -> None:
    data = make(bars, groups=groups, batches_per_epoch=3)
    batches = list(data.train_dataloader())
    assert [type(batch) for batch in batches] == [groups.batch_type] * 3
    assert [len(part) for batch in batches for part in batch] == [8] * sum(map(len, batches))
    moved = data.on_after_batch_transfer(batches[0], 0)
    assert type(moved) is groups.batch_type
    half = len(moved) // 2
    for stored, converted in zip(batches[0][:half], moved[:half], strict=True):
        assert converted.dtype == torch.float32
        assert torch.equal(converted, stored / 255)
    assert all(torch.equal(a, b) for a, b in zip(batches[0][half:], moved[half:], strict=True))


SHAPED: list[dict[str, Any]] = [
    {"groups": FactorPairs()},
    {"groups": FactorTriplets(), "correlations": [FactorCorrelation("row", "column", 0.4)]},
    {"correlations": [FactorCorrelation("row", "column", 0.4)], "held_out": HELD_OUT},
]


@pytest.mark.parametrize("options", SHAPED)
def test_state_continues_training_of_any_kind(bars: FactorDataset, options: dict[str, Any]) -> None:
    whole, resumed = make(bars, batches_per_epoch=3, **options), make(bars, batches_per_epoch=3, **options)
    expected = training_samples(whole, epochs=4)
    part = len(expected) // 4
    resumed.load_state_dict({"position": 6})
    assert training_samples(resumed, epochs=2) == expected[2 * part :]
    assert make(bars, shuffle_seed=1, batches_per_epoch=3, **options).train_dataloader().seed == 1
    assert training_samples(make(bars, shuffle_seed=1, batches_per_epoch=3, **options), epochs=4) != expected


@pytest.mark.parametrize("options", SHAPED)
def test_processes_share_training_of_any_kind(bars: FactorDataset, options: dict[str, Any]) -> None:
    parts = []
    for rank in range(2):
        data = make(bars, batch_size=4, batches_per_epoch=3, **options)
        data.trainer = SimpleNamespace(global_rank=rank, world_size=2, lightning_module=None)  # type: ignore[assignment]
        parts.append(list(data.train_dataloader()))
    whole = make(bars, batch_size=8, batches_per_epoch=3, **options).train_dataloader()
    for batch, *ranks in zip(whole, *parts, strict=True):
        for expected, *found in zip(batch, *ranks, strict=True):
            assert torch.equal(torch.cat(found), expected)


LABELS = TensorFactorDataset(
    "labels", torch.zeros(9, 3), torch.zeros(9, 1, dtype=torch.int64), FactorSpace(["one"], [2])
)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"held_out": [{"colr": [0]}]}, "held_out: there is no factor 'colr'; did you mean 'colour'"),
        ({"restricted": {"row": [9]}}, r"restricted.*row.*0\.\.3.*9"),
        ({"restricted": {}}, "restricted must name a factor"),
        ({"held_out": [{"row": [0, 1, 2, 3]}]}, "held_out.*restricted.*train"),
        ({"correlations": [FactorCorrelation("row", "colum", 0.1)]}, "no factor 'colum'; did you mean 'column'"),
        ({"test_on": "held_out"}, "test_on='held_out'.*held_out.*restricted"),
        ({"test_on": "all"}, "test_on must be one of full, held_out, got 'all'"),
        (
            {"held_out": [{"row": [0]}], "test_on": "held_out", "test_size": 13},
            r"test_size must lie in 1\.\.12, got 13",
        ),
    ],
)
def test_rejects_training_and_tests_that_cannot_be(bars: FactorDataset, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FactorDataModule(bars, val_size=8, **options)


def test_rejects_groups_of_sets_that_lack_combinations() -> None:
    with pytest.raises(ValueError, match=r"groups.*labels"):
        FactorDataModule(LABELS, val_size=2, groups=FactorPairs())


def unlabeled() -> TensorFactorDataset:
    images = torch.arange(60, dtype=torch.uint8)[:, None, None, None].expand(60, 1, 2, 2)
    return TensorFactorDataset("plain", images, torch.empty(60, 0, dtype=torch.int64), FactorSpace([], []))


def test_data_without_factors_are_split_and_batched_like_others(bars: FactorDataset) -> None:
    data = FactorDataModule(unlabeled(), batch_size=8, val_size=8)
    data.setup("fit")
    batches = [*data.train_dataloader(), *data.val_dataloader()]
    assert [tuple(batch.factors.shape) for batch in batches] == [(8, 0)] * 7
    assert len({int(value) for batch in batches for value in batch.images[:, 0, 0, 0]}) == 56  # 52 fill 6 batches
    restored = data.on_after_batch_transfer(batches[0], 0)
    assert isinstance(restored, FactorBatch)
    assert restored.images.dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": FactorPairs()}, "groups: FactorPairs .*plain has no factors"),
        ({"held_out": [{"shape": [0]}]}, "held_out: .*'shape'.*no factors"),
        ({"restricted": {"shape": [0]}}, "restricted: .*'shape'.*no factors"),
        ({"correlations": [FactorCorrelation("a", "b", 0.1)]}, "correlations: .*'a'.*no factors"),
        ({"test_on": "held_out"}, "test_on"),
    ],
)
def test_rejects_what_needs_factors(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FactorDataModule(unlabeled(), val_size=8, **options)


def test_rejects_groups_that_do_not_fit_before_training(bars: FactorDataset) -> None:
    with pytest.raises(ValueError, match="of the 3 that can change in training at most 2 may, got 3"):
        make(bars, groups=FactorPairs(3))
