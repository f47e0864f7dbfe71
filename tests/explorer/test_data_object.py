"""The data object: equal to the results of the assays, complete without data, and valid JSON."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from lr_lightning.assays import ConditionedResponseMatrix, response
from lr_lightning.assays.decoding import decode_codes
from lr_lightning.callbacks import ConditionedResponseAssay, ResponseMatrixAssay
from lr_lightning.explorer.data_object import explorer_data
from tests.explorer.explored import assay_context, explored_bars, explored_points


@pytest.fixture(scope="module")
def bars() -> dict[str, Any]:
    return explorer_data(explored_bars(), num_samples=24)


@pytest.fixture(autouse=True)
def _global_random_state_is_untouched() -> Iterator[None]:
    before = torch.get_rng_state()
    yield
    assert torch.equal(torch.get_rng_state(), before)


def test_keys(bars: dict[str, Any]) -> None:
    expected = "format title subtitle version observation latents start examples factors traversals response_matrix"
    expected += " conditioned_matrix slices paths samples scores cautions notes"
    assert list(bars) == expected.split()
    assert json.loads(json.dumps(bars, allow_nan=False)) == bars


def test_the_response_matrix_is_that_of_the_assay(bars: dict[str, Any]) -> None:
    result = ResponseMatrixAssay(num_samples=24).run(assay_context(explored_bars()))
    entry = bars["response_matrix"]
    assert torch.tensor(entry["values"]).allclose(result.arrays["matrix"].float(), rtol=1e-5)
    assert torch.tensor(entry["standard_errors"]).allclose(result.arrays["standard_error"].float(), rtol=1e-5)
    assert entry["latents"] == entry["columns"] == [0, 1, 2]
    activity = [latent["activity"] for latent in bars["latents"]]
    assert activity == pytest.approx(result.arrays["matrix"].diagonal().tolist(), rel=1e-5)
    active = sum(latent["is_active"] for latent in bars["latents"])
    assert active == result.scalars["active_latents"] > 0


def test_the_conditioned_matrix_is_that_of_the_assay(bars: dict[str, Any]) -> None:
    assay = ConditionedResponseAssay(num_traversals=10, num_samples=8)
    result = assay.run(assay_context(explored_bars()))
    entry = bars["conditioned_matrix"]
    assert torch.tensor(entry["values"]).allclose(result.arrays["matrix"].float(), rtol=1e-4)
    assert entry["rows"] == ["colour", "row", "column"]
    assert entry["columns"] == [0, 1, 2]
    scores = {score["name"]: score for score in bars["scores"]}
    assert scores["cds"]["value"] == pytest.approx(result.scalars["cds"], rel=1e-4)
    assert scores["ccs"]["value"] == pytest.approx(result.scalars["ccs"], rel=1e-4)
    assert 0 < scores["cds"]["chance"] < 1


def test_samples_are_those_of_the_samplers(bars: dict[str, Any]) -> None:
    explored = explored_bars()
    assert explored.codes is not None
    prior, aggregate, hybrid = (torch.tensor(bars["samples"][name]) for name in ("prior", "aggregate", "hybrid"))
    assert prior.shape == aggregate.shape == hybrid.shape == (24, 3)
    assert hybrid.sort(dim=0).values.equal(aggregate.sort(dim=0).values)  # each latent permuted
    assert not hybrid.equal(aggregate)
    # 24 normal draws: means within 5 standard errors
    assert prior.mean(dim=0).abs().max() < 5 / 24**0.5
    assert torch.cdist(aggregate, explored.codes).amin(dim=1).max() < 5  # near codes of the data, a few deviations off


def test_a_slice_has_the_displacement_of_each_node(bars: dict[str, Any]) -> None:
    explored = explored_bars()
    assert len(bars["slices"]) == 3  # all pairs of three latents
    for entry in bars["slices"]:
        first, second = entry["latents"]
        assert entry["base"] == bars["start"]
        for i, j in ((0, 0), (3, 17), (20, 4)):
            code = torch.tensor(entry["base"])
            code[first], code[second] = entry["xs"][i], entry["ys"][j]
            moved = response(explored.autoencoder, code[None])[0] - code
            assert entry["field"][i][j] == pytest.approx([float(moved[first]), float(moved[second])], abs=1e-4)
    divergence = torch.tensor(bars["slices"][0]["divergence"])
    field = torch.tensor(bars["slices"][0]["field"], dtype=torch.float64)
    step = bars["slices"][0]["xs"][1] - bars["slices"][0]["xs"][0]
    inner = (field[2:, 1:-1, 0] - field[:-2, 1:-1, 0] + field[1:-1, 2:, 1] - field[1:-1, :-2, 1]) / (2 * step)
    assert divergence[1:-1, 1:-1].allclose(inner.float(), atol=1e-3)


def test_paths_have_the_costs_of_their_points(bars: dict[str, Any]) -> None:
    explored = explored_bars()
    shown = [example["code"] for example in bars["examples"]]
    assert len(bars["paths"]) == 4
    for entry in bars["paths"]:
        assert entry["from"] in shown
        assert entry["to"] in shown
        for kind in ("straight", "response"):
            points = torch.tensor(entry[kind])
            assert points.shape == (33, 3)
            assert points[[0, -1]].allclose(torch.tensor([entry["from"], entry["to"]]), atol=1e-5)
            costs = (response(explored.autoencoder, points) - points).square().sum(dim=1)
            assert entry[f"{kind}_costs"] == pytest.approx(costs.tolist(), rel=1e-3, abs=1e-5)
        start, end = torch.tensor(entry["from"]), torch.tensor(entry["to"])
        line = torch.lerp(start, end, torch.linspace(0, 1, 33)[:, None])
        assert torch.tensor(entry["straight"]).allclose(line, atol=1e-5)


def test_ranges_hold_what_the_page_shows(bars: dict[str, Any]) -> None:
    low = torch.tensor([latent["low"] for latent in bars["latents"]])
    high = torch.tensor([latent["high"] for latent in bars["latents"]])
    codes = torch.tensor([example["code"] for example in bars["examples"]] + [bars["start"]])
    assert (codes >= low - 1e-5).all()
    assert (codes <= high + 1e-5).all()
    explored = explored_bars()
    assert explored.codes is not None
    mean = [latent["mean"] for latent in bars["latents"]]
    assert mean == pytest.approx(explored.codes.double().mean(dim=0).tolist(), rel=1e-4)
    deviation = [latent["deviation"] for latent in bars["latents"]]
    assert deviation == pytest.approx(explored.codes.double().std(dim=0, correction=0).tolist(), rel=1e-4)
    assert all(latent["kl"] > 0 for latent in bars["latents"])


def test_ranges_hold_examples_outside_of_the_codes() -> None:
    explored = explored_bars()
    assert explored.codes is not None
    narrow = explored_bars(codes=explored.codes / 100, log_variances=torch.full_like(explored.codes, -20.0))
    data = explorer_data(narrow, num_samples=24)
    for index, latent in enumerate(data["latents"]):
        shown = [example["code"][index] for example in data["examples"]]
        assert latent["low"] <= min(shown) < max(shown) <= latent["high"]


def test_the_same_seed_gives_the_same_page(bars: dict[str, Any]) -> None:
    assert explorer_data(explored_bars(), num_samples=24) == bars
    other = explorer_data(explored_bars(), num_samples=24, seed=1)
    assert other["samples"] != bars["samples"]
    assert other["response_matrix"] != bars["response_matrix"]


def test_points_are_vectors() -> None:
    explored = explored_points()
    data = explorer_data(explored, num_samples=24)
    assert data["observation"] == {"kind": "vector", "shape": [3], "names": ["x", "y", "z"]}
    assert explored.observations is not None
    assert data["examples"][3]["original"] == pytest.approx(explored.observations[3].tolist(), rel=1e-5)
    assert data["examples"][3]["deviations"] is None
    assert data["conditioned_matrix"] is None
    assert data["factors"] == data["traversals"] == data["scores"] == []
    # the responses of a linear model with its pseudo-inverse are its codes
    field = torch.tensor(data["slices"][0]["field"])
    assert field.abs().max() < 1e-4
    off = torch.tensor(data["response_matrix"]["values"]).fill_diagonal_(0)
    assert off.max() < 1e-4


def test_a_model_without_data_has_the_ranges_of_the_prior() -> None:
    note = "The data could not be opened."
    explored = explored_bars(codes=None, log_variances=None, factors=None, dataset=None, notes=(note,))
    data = explorer_data(explored, num_samples=24)
    assert data["notes"] == [note]
    assert data["examples"] == data["factors"] == data["traversals"] == data["paths"] == []
    assert data["samples"]["aggregate"] == data["samples"]["hybrid"] == []
    assert len(data["samples"]["prior"]) == 24
    assert [(latent["low"], latent["high"]) for latent in data["latents"]] == [(-3, 3)] * 3
    assert data["observation"] == {"kind": "image", "shape": [3, 8, 8]}
    assert len(data["slices"]) == 3
    assert "prior" in data["response_matrix"]["caption"]


def test_models_with_many_latents_show_the_most_active_ones() -> None:
    data = explorer_data(explored_points(1024))
    assert len(data["latents"]) == 1024
    shown = data["response_matrix"]["latents"]
    assert len(shown) == len(set(shown)) == 64
    assert shown == sorted(shown)
    assert len(data["response_matrix"]["values"]) == len(data["response_matrix"]["values"][0]) == 64
    activity = {latent["index"]: latent["activity"] for latent in data["latents"]}
    assert min(activity[index] for index in shown) >= max(activity[i] for i in activity if i not in shown)
    assert all(set(entry["latents"]) <= set(shown) for entry in data["slices"])
    assert len(json.dumps(data)) < 4e6


def test_a_single_latent_has_no_slices() -> None:
    data = explorer_data(explored_points(1), num_samples=24)
    assert data["slices"] == []
    assert len(data["latents"]) == 1


def test_dead_latents_and_equal_codes() -> None:
    explored = explored_bars()
    assert explored.codes is not None
    constant = explored.codes[:1].expand(48, 3).clone()
    data = explorer_data(explored_bars(codes=constant, log_variances=None, dataset=None), num_samples=24)
    assert all(latent["low"] < latent["high"] for latent in data["latents"])
    assert data["paths"] == []
    assert not any(latent["is_active"] for latent in data["latents"])
    json.dumps(data, allow_nan=False)


@pytest.mark.parametrize(("value", "message"), [(torch.nan, "not finite"), (torch.inf, "not finite")])
def test_codes_that_are_not_finite_are_refused(value: float, message: str) -> None:
    explored = explored_bars()
    assert explored.codes is not None
    codes = explored.codes.clone()
    codes[3, 1] = value
    with pytest.raises(ValueError, match=message):
        explorer_data(explored_bars(codes=codes))


def test_cautions_of_page_and_run_are_not_repeated() -> None:
    few = "The response matrix comes from 9 base codes, fewer than 30."
    data = explorer_data(explored_bars(cautions=(few, "Seed 3 ended early.")), num_samples=24)
    assert "The response matrix comes from 24 base codes, fewer than 30." in data["cautions"]
    assert few not in data["cautions"]
    assert data["cautions"][-1] == "Seed 3 ended early."


def test_too_few_base_codes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"num_samples.*1"):
        explorer_data(explored_bars(), num_samples=1)


def test_progress_names_its_steps() -> None:
    steps: dict[str, tuple[int, int]] = {}

    def progress(step: str, done: int, total: int) -> None:
        assert 0 <= done <= total
        steps[step] = (done, total)

    explorer_data(explored_bars(), num_samples=24, progress=progress)
    assert list(steps) == ["response matrix", "conditioned matrix", "slices", "paths"]
    assert all(done == total for done, total in steps.values())


def test_the_start_is_the_code_of_the_first_example(bars: dict[str, Any]) -> None:
    explored = explored_bars()
    assert bars["start"] == bars["examples"][0]["code"]
    decoded = decode_codes(explored.autoencoder, torch.tensor(bars["start"])[None])
    assert decoded.shape == (1, *bars["observation"]["shape"])


def test_labels_without_a_grid_have_the_matrix_of_marginal_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    explored = explored_bars()
    assert explored.dataset is not None
    explored.dataset.full_grid = False
    data = explorer_data(explored, num_samples=24)
    context = assay_context(explored)
    assay = ConditionedResponseAssay(num_traversals=10, num_samples=8, traversals="marginal")
    expected = assay.run(context).arrays["matrix_marginal"]
    found = torch.tensor(data["conditioned_matrix"]["values"])
    assert found.allclose(expected.float(), rtol=1e-4)
    assert "other labels differ too" in data["conditioned_matrix"]["caption"]
    assert "cds" not in {score["name"] for score in data["scores"]}  # a different quantity


def test_there_is_no_conditioned_matrix_of_too_many_latents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lr_lightning.explorer.matrices._CONDITIONED_ROUND_TRIPS", 12 * 16 - 1)
    assert explorer_data(explored_bars(), num_samples=24)["conditioned_matrix"] is None
    monkeypatch.setattr("lr_lightning.explorer.matrices._CONDITIONED_ROUND_TRIPS", 12 * 16)
    assert explorer_data(explored_bars(), num_samples=24)["conditioned_matrix"] is not None


def test_results_are_of_the_kind_that_is_scored() -> None:
    """Guards the name of the field by which matrices of pairs are told from those of a grid."""
    assert "pairs" in ConditionedResponseMatrix.__dataclass_fields__
