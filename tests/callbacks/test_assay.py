"""When assays run and on which codes; training is the same with and without them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.demos.boring_classes import BoringModel
from typing_extensions import override

from lr_lightning.callbacks import (
    AssayCallback,
    AssayContext,
    AssayResult,
    ConditionedResponseAssay,
    LatentStatisticsAssay,
    LatentTraversalAssay,
    ReconstructionAssay,
    ResponseMatrixAssay,
)
from lr_lightning.callbacks.assay import assays_of
from lr_lightning.callbacks.assays.factor_topology import FactorTopologyAssay
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer, weights
from tests.conftest import Bars


class Probe(AssayCallback):
    """Remembers what it was given; its scalar counts the runs."""

    num_observations = 7

    def __init__(self, every_n_validations: int = 1, seed: int = 0, name: str = "probe") -> None:
        super().__init__(every_n_validations, seed)
        self.name = name
        self.contexts: list[AssayContext] = []
        self.draws: list[float] = []

    @override
    def run(self, context: AssayContext) -> AssayResult:
        self.contexts.append(context)
        self.draws.append(torch.rand((), generator=context.generator).item())
        torch.rand(1000)  # what an assay must not do; training is kept apart from it all the same
        return AssayResult(scalars={"runs": float(len(self.contexts))})


class Remember(Callback):
    """Notes ``assay/probe/runs`` after each validation."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self.seen.append(trainer.callback_metrics["assay/probe/runs"].item())


def five_assays() -> list[AssayCallback]:
    return [
        ReconstructionAssay(num_samples=4),
        LatentTraversalAssay(num_steps=3),
        LatentStatisticsAssay(),
        ResponseMatrixAssay(num_samples=10),
        ConditionedResponseAssay(num_traversals=2, num_samples=2, num_resamples=5),
    ]


@pytest.mark.parametrize(
    ("every", "seen"), [(1, [1, 2, 3, 4, 5]), (2, [1, 1, 2, 2, 3]), (3, [1, 1, 1, 2, 3])], ids=["each", "2nd", "3rd"]
)
def test_runs_at_the_first_every_nth_and_last_validation(
    bars: Bars, tmp_path: Path, every: int, seen: list[int]
) -> None:
    remember = Remember()
    trainer = tiny_trainer(tmp_path, Probe(every), remember, max_epochs=5, num_sanity_val_steps=2)
    trainer.fit(tiny_model(), datamodule=tiny_data(bars))
    assert remember.seen == seen  # in between, the last scalar is carried forward


def test_runs_at_the_last_validation_only(bars: Bars, tmp_path: Path) -> None:
    probe = Probe(every_n_validations=0)
    tiny_trainer(tmp_path, probe).fit(tiny_model(), datamodule=tiny_data(bars))
    assert len(probe.contexts) == 1


def test_max_steps_set_the_last_validation(bars: Bars, tmp_path: Path) -> None:
    probe = Probe(every_n_validations=0)
    tiny_trainer(tmp_path, probe, max_epochs=-1, max_steps=8).fit(tiny_model(), datamodule=tiny_data(bars))
    assert len(probe.contexts) == 1


def test_table_is_the_whole_validation_set_in_order(bars: Bars, tmp_path: Path) -> None:
    first, second, model, data = Probe(), Probe(name="second"), tiny_model(), tiny_data(bars)
    tiny_trainer(tmp_path, first, second, max_epochs=1).fit(model, datamodule=data)
    images = bars.images(data.val_indices).float() / 255
    expected = model.encode(images).mean.detach()
    for probe in (first, second):
        table = probe.contexts[0].table
        # Batches of 5 against one of 12: the products are summed in another order.
        torch.testing.assert_close(table.codes, expected, rtol=1e-5, atol=1e-6)
        assert table.factors is not None
        assert torch.equal(table.factors, bars.factors(data.val_indices))
        assert table.log_variances is not None
        assert torch.equal(probe.contexts[0].observations, images[:7])
    assert first.contexts[0].table is second.contexts[0].table  # collected once for all


def test_draws_are_those_of_its_seed_at_each_validation(bars: Bars, tmp_path: Path) -> None:
    first, second = Probe(seed=1), Probe(seed=2, name="second")
    tiny_trainer(tmp_path, first, second, max_epochs=2).fit(tiny_model(), datamodule=tiny_data(bars))
    assert first.draws[0] == first.draws[1] != second.draws[0]


def test_images_are_encoded_once(bars: Bars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, encoded = tiny_model(), []
    forward = model.network.posterior_parameters

    def count(observations: torch.Tensor) -> Any:
        if not model.training:
            encoded.append(len(observations))
        return forward(observations)

    monkeypatch.setattr(model.network, "posterior_parameters", count)
    probes = [Probe(), Probe(name="second"), LatentStatisticsAssay()]
    tiny_trainer(tmp_path, *probes, max_epochs=1, num_sanity_val_steps=0).fit(model, datamodule=tiny_data(bars))
    assert sum(encoded) == 12


@pytest.mark.filterwarnings("ignore:independence is undefined")  # barely trained
def test_training_is_bit_for_bit_the_same(bars: Bars, tmp_path: Path) -> None:
    alone, watched = tiny_model(), tiny_model()
    start = weights(alone)
    tiny_trainer(tmp_path).fit(alone, datamodule=tiny_data(bars))
    tiny_trainer(tmp_path, *five_assays(), Probe()).fit(watched, datamodule=tiny_data(bars))
    assert not torch.equal(weights(alone), start)
    assert torch.equal(weights(alone), weights(watched))


def test_global_draws_do_not_disturb_dropout(bars: Bars, tmp_path: Path) -> None:
    found = []
    for assays in ([], [Probe()]):  # the probe draws from it on purpose
        model = tiny_model()
        model.network.encoder.append(torch.nn.Dropout(0.5))  # type: ignore[operator]
        torch.manual_seed(0)
        tiny_trainer(tmp_path, *assays).fit(model, datamodule=tiny_data(bars))
        found.append(weights(model))
    assert torch.equal(*found)


@pytest.mark.filterwarnings("ignore:independence is undefined")  # barely trained
def test_logs_scalars_time_figures_and_arrays(bars: Bars, tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, *five_assays(), max_epochs=1)
    trainer.fit(tiny_model(), datamodule=tiny_data(bars))
    names = {key.split("/")[1] for key in trainer.callback_metrics if key.startswith("assay/")}
    everyone = {"reconstruction", "latent_traversal", "latent_statistics", "response_matrix", "conditioned_response"}
    assert names == everyone
    assert all(trainer.callback_metrics[f"assay/{name}/seconds"] > 0 for name in everyone)
    assert {path.name.split("-")[0] for path in (tmp_path / "figures").glob("*-step000004.png")} == everyone
    with_arrays = {"latent_statistics", "response_matrix", "conditioned_response"}
    assert {path.name.split("-")[0] for path in (tmp_path / "assays").glob("*-step000004.npz")} == with_arrays


def test_scalars_can_be_monitored(bars: Bars, tmp_path: Path) -> None:
    best = ModelCheckpoint(tmp_path, monitor="assay/probe/runs", mode="max", filename="best")
    stop = EarlyStopping("assay/probe/runs", patience=1, mode="min")  # the counter only grows
    trainer = tiny_trainer(tmp_path, Probe(), best, stop, max_epochs=9, enable_checkpointing=True)
    trainer.fit(tiny_model(), datamodule=tiny_data(bars))
    assert trainer.current_epoch == 2  # best at the first validation, no better at the second: stop
    assert best.best_model_score == 2


def test_runs_in_a_test_over_the_whole_set(bars: Bars, tmp_path: Path) -> None:
    probe = Probe()
    [metrics] = tiny_trainer(tmp_path, probe).test(tiny_model(), datamodule=tiny_data(bars), verbose=False)
    assert len(probe.contexts[0].table.codes) == len(bars)
    assert metrics["assay/probe/runs"] == 1


def test_traversals_come_from_the_codes_of_a_full_test(
    bars: Bars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("encoded images that are in the table already")

    monkeypatch.setattr("lr_lightning.callbacks.encoded_traversals.sample_traversals", refuse)
    trainer = tiny_trainer(tmp_path, ConditionedResponseAssay(num_traversals=2, num_samples=2, num_resamples=5))
    [metrics] = trainer.test(tiny_model(), datamodule=tiny_data(bars), verbose=False)
    assert 1 / 3 <= metrics["assay/conditioned_response/cds"] <= 1


def test_a_model_can_carry_its_assays(bars: Bars, tmp_path: Path) -> None:
    model, probe = tiny_model(), Probe()
    model.assays = [probe]
    tiny_trainer(tmp_path, max_epochs=1).fit(model, datamodule=tiny_data(bars))
    assert len(probe.contexts) == 1


def test_state_survives_a_checkpoint(bars: Bars, tmp_path: Path) -> None:
    before = Probe(every_n_validations=3)
    trainer = tiny_trainer(tmp_path, before, max_epochs=2)
    trainer.fit(tiny_model(), datamodule=tiny_data(bars))
    trainer.save_checkpoint(tmp_path / "state.ckpt")
    after, remember = Probe(every_n_validations=3), Remember()
    resumed = tiny_trainer(tmp_path, after, remember, max_epochs=4)
    resumed.fit(tiny_model(), datamodule=tiny_data(bars), ckpt_path=tmp_path / "state.ckpt", weights_only=True)
    assert len(before.contexts) == 2  # the first and the last of two
    assert len(after.contexts) == 1  # the fourth validation: due as the third after the first, and the last


def test_rejects_a_module_without_latents(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="Probe needs a module with encode, decode and latent_dim, got BoringModel"):
        tiny_trainer(tmp_path, Probe()).fit(BoringModel())


def test_rejects_outputs_without_codes(bars: Bars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    monkeypatch.setattr(model, "validation_step", lambda *_: None)
    with pytest.raises(TypeError, match="assays need validation_step to return a dictionary with 'codes'"):
        tiny_trainer(tmp_path, Probe(), num_sanity_val_steps=0).fit(model, datamodule=tiny_data(bars))


def test_rejects_two_assays_of_one_name(bars: Bars, tmp_path: Path) -> None:
    statistics = LatentStatisticsAssay()
    statistics.name = "probe"
    with pytest.raises(ValueError, match="2 assays are named 'probe'"):
        tiny_trainer(tmp_path, Probe(), statistics).fit(tiny_model(), datamodule=tiny_data(bars))


@pytest.mark.parametrize("make", [ConditionedResponseAssay, FactorTopologyAssay])
def test_traversals_need_a_full_grid(make: type[AssayCallback], bars: Bars, tmp_path: Path) -> None:
    bars.full_grid = False
    assay = make()
    assay.name = "mine"
    with pytest.warns(UserWarning, match="the assay mine .* bars .*assays.mine: null"):
        tiny_trainer(tmp_path, assay).fit(tiny_model(), datamodule=tiny_data(bars))
    assert assay.failure is not None
    assert "bars" in assay.failure


def test_rejects_a_negative_period() -> None:
    with pytest.raises(ValueError, match=r"every_n_validations .*-1"):
        Probe(-1)


@pytest.mark.filterwarnings("ignore:independence is undefined")
def test_results_have_warnings(bars: Bars, tmp_path: Path) -> None:
    few, enough = ResponseMatrixAssay(num_samples=2), ResponseMatrixAssay(num_samples=12)
    enough.name = "enough"
    assays = [few, enough, ConditionedResponseAssay(num_traversals=2, num_samples=2, num_resamples=5)]
    assert few.result is None
    trainer = tiny_trainer(tmp_path, *assays, LatentStatisticsAssay(active_threshold=1e9), max_epochs=1)
    trainer.fit(tiny_model(), datamodule=tiny_data(bars))
    assert few.result is not None
    logged = trainer.callback_metrics["assay/response_matrix/active_latents"].item()
    assert few.result.scalars["active_latents"] == logged
    warned = {assay.name: " ".join(assay.result.warnings) for assay in assays_of(trainer) if assay.result}
    assert "The response matrix comes from 2 base codes, fewer than 30." in warned["response_matrix"]
    assert "The response matrix comes from 12 base codes" in warned["enough"]
    assert "A factor has 2 traversals, fewer than 10" in warned["conditioned_response"]
    assert "No latent is active" in warned["latent_statistics"]
