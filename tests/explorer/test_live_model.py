"""What a live page asks the model."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lr_lightning.assays import wrap
from lr_lightning.explorer.live_model import LiveModel, SupersededError
from tests.explorer.explored import explored_bars, explored_points, round_trip


@pytest.fixture(scope="module")
def live() -> LiveModel:
    return LiveModel(explored_bars(), num_samples=24)


def test_its_data_are_those_of_a_page(live: LiveModel) -> None:
    from lr_lightning.explorer.data_object import explorer_data

    assert live.data == explorer_data(explored_bars(), num_samples=24) | {"engine": {"kind": "live"}}


def test_steps_are_those_of_pytorch(live: LiveModel) -> None:
    for code in ([0.0, 0.0, 0.0], [1, -2, 0.5]):
        values = np.frombuffer(live.step(code), "<f4")
        observation, response = round_trip(explored_bars(), torch.tensor([code]).float())
        assert len(values) == 3 * 8 * 8 + 3
        assert values[:-3] == pytest.approx(observation.flatten().numpy(), abs=1e-6)
        assert values[-3:] == pytest.approx(response.flatten().numpy(), abs=1e-6)


def test_slices_and_paths_are_those_of_a_page(live: LiveModel) -> None:
    [first, *_] = live.data["slices"]
    again = live.slice(first["latents"], first["base"])
    assert again.keys() == first.keys()
    for key, values in first.items():  # the base on the page is rounded
        assert torch.tensor(again[key]).allclose(torch.tensor(values), atol=1e-3)
    ends = live.data["examples"][0]["code"], live.data["examples"][5]["code"]
    found = live.path(*ends)
    assert found["from"] == ends[0]
    assert found["to"] == ends[1]
    assert len(found["response"]) == len(found["straight_costs"]) == 33


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda live: live.step([1.0, 2.0]), r"code must be a list of 3 numbers, got \[1.0, 2.0\]"),
        (lambda live: live.step("abc"), "code must be a list of 3 numbers, got 'abc'"),
        (lambda live: live.step(None), "got None"),
        (lambda live: live.step([1.0, True, 0.0]), "got .*True"),
        (lambda live: live.step([1.0, "2", 0.0]), "got"),
        (lambda live: live.step([1.0, float("nan"), 0.0]), "finite.*nan"),
        (lambda live: live.step([1.0, 1e39, 0.0]), "finite"),  # infinite in float32
        (lambda live: live.slice([0, 3], [0.0] * 3), r"0\.\.2.*3"),
        (lambda live: live.slice([1, 1], [0.0] * 3), r"\(1, 1\)"),
        (lambda live: live.slice([0], [0.0] * 3), r"two numbers of latents, got \[0\]"),
        (lambda live: live.slice([0, 1.0], [0.0] * 3), "got"),
        (lambda live: live.slice([0, 1], [0.0] * 2), "base must be a list of 3"),
        (lambda live: live.path([0.0] * 3, [0.0] * 3), "two equal codes"),
        (lambda live: live.path([0.0] * 3, [0.0] * 2), "to must be a list of 3"),
    ],
)
def test_wrong_requests_are_refused(live: LiveModel, ask: Callable[[LiveModel], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ask(live)


def test_the_latest_step_of_a_page_wins() -> None:
    """While one step is computed, others wait; of those of a page, only the latest is computed."""
    entered, leave = threading.Event(), threading.Event()
    computed: list[float] = []
    armed = False

    def decode(codes: Tensor) -> Tensor:
        if armed:
            computed.append(float(codes[0, 0]))
            entered.set()
            assert leave.wait(30)
        return codes.repeat(1, 2)

    autoencoder = wrap(encode=lambda x: x[:, :2], decode=decode, latent_dim=2)
    live = LiveModel(replace(explored_points(), autoencoder=autoencoder, observations=None), num_samples=24)
    armed = True
    outcomes: dict[str, Any] = {}

    def ask(name: str, value: float, page: str, number: int) -> threading.Thread:
        def work() -> None:
            try:
                outcomes[name] = live.step([value, 0.0], page, number)
            except SupersededError as error:
                outcomes[name] = str(error)

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    threads = [ask("first", 1.0, "a", 1)]
    assert entered.wait(30)
    for name, value, page, number in (("second", 2.0, "a", 2), ("third", 3.0, "a", 3), ("other", 4.0, "b", 1)):
        threads.append(ask(name, value, page, number))
        while live._newest.get(page) != number:  # it waits now
            pass
    leave.set()
    for thread in threads:
        thread.join(30)
    assert sorted(computed) == [1.0, 3.0, 4.0]
    assert "step 2 was not computed, because step 3 has arrived" in outcomes["second"]
    assert all(isinstance(outcomes[name], bytes) for name in ("first", "third", "other"))


def test_the_pages_that_are_remembered_are_few(live: LiveModel) -> None:
    for number in range(200):
        live.step([0.0, 0.0, 0.0], f"page {number}", 1)
    assert len(live._newest) < 100
