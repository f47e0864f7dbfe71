"""Behavior shared by all assays of a model and codes."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from lr_lightning.assays import (
    LatentSlice,
    code_graph,
    compare_with_line,
    consistency,
    decode_codes,
    decoded_samples,
    decoder_geometry,
    find_attractors,
    hutchinson_divergence,
    idempotence_curve,
    noise_recovery,
    path_profile,
    response,
    response_jacobian,
    response_jacobians,
    response_map,
    response_matrix,
    structure_score,
)
from lr_lightning.assays.decoder_interaction import decoder_interaction
from tests.assays.models import ConvVAE

Assay = Callable[..., Any]
"""Called with a model, codes (40, 3) and ``chunk_size``, some with ``progress``."""

ASSAYS: dict[str, tuple[Assay, int | None, int]] = {
    "code_graph": (partial(code_graph, num_neighbors=39), 780 * 3, 780 * 3),
    "compare_with_line": (partial(compare_with_line, num_points=10), 40, 20),
    "consistency": (partial(consistency, num_values=2, num_steps=3), 40 * (1 + 3 * 2 + 2), 40 * (1 + 3 * 2 + 2)),
    "decode_codes": (decode_codes, 40, 0),
    "decoded_samples": (partial(decoded_samples, num_samples=36), 3 * 36, 0),
    "decoder_geometry": (decoder_geometry, 40, 0),
    "decoder_interaction": (decoder_interaction, 8 * 40, 0),
    "find_attractors": (partial(find_attractors, max_steps=3, tolerance=1e-9), 3 * 40, 3 * 40),
    "hutchinson_divergence": (partial(hutchinson_divergence, num_probes=2), 40, 40),
    "idempotence_curve": (partial(idempotence_curve, num_steps=3), 3 * 40, 3 * 40),
    "noise_recovery": (partial(noise_recovery, multiples=[1.0, 2.0]), 3 * 40, 3 * 40),
    "path_profile": (partial(path_profile, num_points=10, readout=lambda images: images.flatten(1)), 20, 10),
    "response": (response, 40, 40),
    "stochastic_response": (partial(response, stochastic=True), 40, 40),
    "response_jacobian": (response_jacobian, 40, 40),
    "response_jacobians": (response_jacobians, 40, 40),
    "response_map": (partial(response_map, window=LatentSlice((0, 2)), num_steps=3), 9 * 40, 9 * 40),
    "response_matrix": (response_matrix, 4 * 40, 4 * 40),
    "structure_score": (partial(structure_score, num_permutations=5), 40, 40),
}
"""Each assay with the numbers of samples that it decodes and encodes."""

TOTALS = {
    "code_graph": 780 * 3,
    "consistency": 40,
    "decoder_geometry": 40,
    "find_attractors": 40,
    "hutchinson_divergence": 40,
    "idempotence_curve": 40,
    "noise_recovery": 40,
    "response_jacobian": 40,
    "response_jacobians": 40,
    "response_map": 9 * 40,
    "response_matrix": 3 * 40,
    "structure_score": 3 * 40,
}
"""The total that each assay with ``progress`` reports: codes, points, interventions or rows, as its docstring says."""

RANDOM = (
    "decoded_samples",
    "hutchinson_divergence",
    "noise_recovery",
    "response_matrix",
    "stochastic_response",
    "structure_score",
)


def numbers(result: Any) -> list[Tensor]:
    """Return all tensors and floats of a result, nested ones included."""
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, float):
        return [torch.tensor(result, dtype=torch.float64)]
    if is_dataclass(result):
        return [number for field in fields(result) for number in numbers(getattr(result, field.name))]
    return []


@pytest.mark.parametrize("name", ASSAYS)
def test_model_and_codes_are_left_unchanged(name: str, vae: ConvVAE, codes: Tensor) -> None:
    before, flags = codes.clone(), [module.training for module in vae.modules()]
    state = {key: value.clone() for key, value in vae.state_dict().items()}
    assay, decoded, encoded = ASSAYS[name]
    assay(vae, codes)
    assert torch.equal(codes, before)
    assert [module.training for module in vae.modules()] == flags
    assert all(torch.equal(value, state[key]) for key, value in vae.state_dict().items())
    assert all(parameter.grad is None for parameter in vae.parameters())
    assert torch.is_grad_enabled()
    assert not codes.requires_grad
    assert (vae.decoded, vae.encoded) == (decoded, encoded)


@pytest.mark.parametrize("name", ASSAYS)
def test_results_do_not_depend_on_chunks(name: str, vae: ConvVAE, codes: Tensor) -> None:
    assay, _, _ = ASSAYS[name]
    vae.double()
    whole, parts = (numbers(assay(vae, codes.double(), chunk_size=size)) for size in (1000, 7))
    assert len(whole) == len(parts) > 0
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-11, equal_nan=True)


@pytest.mark.parametrize("name", ASSAYS)
def test_inference_mode_gives_the_same_result(name: str, vae: ConvVAE, codes: Tensor) -> None:
    assay, _, _ = ASSAYS[name]
    expected = numbers(assay(vae, codes))
    with torch.inference_mode():
        inside = numbers(assay(vae, codes.clone()))
    for one, other in zip(expected, inside, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", RANDOM)
def test_the_generator_decides_the_draws(name: str, vae: ConvVAE, codes: Tensor) -> None:
    assay, _, _ = ASSAYS[name]
    first, again, other = (
        numbers(assay(vae, codes, generator=torch.Generator().manual_seed(seed))) for seed in (1, 1, 2)
    )
    assert all(torch.equal(one, same) for one, same in zip(first, again, strict=True))
    assert not all(torch.equal(one, different) for one, different in zip(first, other, strict=True))


@pytest.mark.parametrize("name", TOTALS)
def test_progress_rises_to_the_total(name: str, vae: ConvVAE, codes: Tensor) -> None:
    calls: list[tuple[int, int]] = []
    ASSAYS[name][0](vae, codes, chunk_size=7, progress=lambda *call: calls.append(call))
    done, totals = zip(*calls, strict=True)
    assert set(totals) == {TOTALS[name]}
    assert done[-1] == TOTALS[name] or name == "find_attractors"  # whose starts may not all converge
    assert list(done) == sorted(done)


@pytest.mark.parametrize("name", ASSAYS)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.zeros(40, 2), r"got \(40, 2\)"),
        (torch.tensor(1.0), r"got \(\)"),
        (torch.zeros(40, 3, dtype=torch.int64), "torch.int64"),
        (torch.zeros(0, 3), "got 0"),
        (torch.full((40, 3), torch.nan), "finite"),
    ],
)
def test_rejects_codes(name: str, vae: ConvVAE, wrong: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ASSAYS[name][0](vae, wrong)


@pytest.mark.parametrize("name", ASSAYS)
def test_rejects_other_arguments(name: str, vae: ConvVAE, codes: Tensor) -> None:
    assay, _, _ = ASSAYS[name]
    with pytest.raises(TypeError, match="got list"):
        assay(vae, codes.tolist())
    with pytest.raises(TypeError, match="latent_dim, encode and decode"):
        assay(torch.nn.Identity(), codes)
    with pytest.raises(ValueError, match=r"chunk_size .*got 0"):
        assay(vae, codes, chunk_size=0)
