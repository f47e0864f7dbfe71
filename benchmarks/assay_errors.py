"""Compare the standard errors of assays with the spread of their results over repetitions.

Each repetition draws new codes, or traversals, and measures again. A ratio of 1 means that the stated error is right; a
ratio below 1, that it is too small. For intervals, the script reports the share of repetitions that cover the value at
20,000 traversals.

    python benchmarks/assay_errors.py                    # the table of docs/scores.md; 10 minutes on one core
    python benchmarks/assay_errors.py --repetitions 50   # a quick check that it runs
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from itertools import chain

import torch
from torch import Tensor

from lr_lightning.assays import (
    ConditionedResponseMatrix,
    ResponseMatrix,
    WrappedAutoencoder,
    bootstrap_interval,
    causal_completeness_score,
    causal_disentanglement_score,
    conditioned_response_matrix,
    consistency,
    factor_topology,
    idempotence_curve,
    jackknife_score_errors,
    maximum_mean_discrepancy,
    merge_response_matrices,
    noise_recovery,
    response_matrix,
    response_score_errors,
    response_scores,
    wrap,
)

MIXING = torch.tensor([[1.0, 0.3, 0.1], [0.0, 0.9, 0.6], [0.2, 0.1, 1.2]])
AT_THRESHOLD = torch.tensor([[1.0, 0.1, 0.0], [0.0, 0.9, 0.1], [0.35, 0.35, 0.5]])
NUM_CODES, NUM_PARTS, PASS = 200, 10, 100_000
NUM_FACTORS, NUM_VALUES, NUM_LATENTS = 4, 6, 6
LEVELS = torch.linspace(-1.5, 1.5, NUM_VALUES)

Measurement = tuple[Tensor, Tensor]
"""Values and their stated errors."""


def responding_by(h: Callable[[Tensor], Tensor], latent_dim: int) -> WrappedAutoencoder:
    """Return an autoencoder with the response map ``h``."""
    return wrap(encode=lambda x: x, decode=h, latent_dim=latent_dim)


RESPONSE_MAPS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda z: z,
    "saturating": lambda z: torch.tanh(2 * z @ MIXING),
    "latent at the threshold": lambda z: z @ AT_THRESHOLD,
}


def ratio(measure: Callable[[torch.Generator], Measurement], repetitions: int) -> str:
    """Return the ratio of the stated error to the spread of the values: its range over all entries that vary."""
    generator = torch.Generator().manual_seed(0)
    values, errors = zip(*(measure(generator) for _ in range(repetitions)), strict=True)
    spread = torch.stack(values).std(dim=0)
    stated = torch.stack(errors).square().mean(dim=0).sqrt()
    found = (stated / spread)[spread > 1e-5]
    if not len(found):
        return "does not vary"
    low, high = float(found.min()), float(found.max())
    return f"{low:.2f}" if high - low < 0.005 else f"{low:.2f} to {high:.2f}"


def codes(generator: torch.Generator, number: int = NUM_CODES) -> Tensor:
    """Return standard normal codes (number, 3)."""
    return torch.randn(number, 3, generator=generator)


def matrix_errors(model: WrappedAutoencoder, num_donors: int | None) -> Callable[[torch.Generator], Measurement]:
    """Measure a response matrix with shuffled donors, or with donors drawn from ``num_donors`` codes."""

    def measure(generator: torch.Generator) -> Measurement:
        donors = None if num_donors is None else codes(generator, num_donors)
        found = response_matrix(model, codes(generator), donors, generator=generator, chunk_size=PASS)
        return found.matrix.flatten(), found.standard_error.flatten()

    return measure


def score_errors(model: WrappedAutoencoder, score: str, jackknife: bool) -> Callable[[torch.Generator], Measurement]:
    """Measure a score of a response matrix merged from parts."""

    def measure(generator: torch.Generator) -> Measurement:
        parts: list[ResponseMatrix] = [
            response_matrix(model, part, generator=generator, chunk_size=PASS)
            for part in codes(generator).chunk(NUM_PARTS)
        ]
        whole = merge_response_matrices(parts)
        errors = jackknife_score_errors(parts) if jackknife else response_score_errors(whole)
        return getattr(response_scores(whole.matrix), score), getattr(errors, score)

    return measure


def matrices(repetitions: int) -> Iterator[tuple[str, str, str]]:
    """Yield rows for the response matrix and its scores."""
    for name, h in RESPONSE_MAPS.items():
        model = responding_by(h, 3)
        for donors, number in (("shuffled", None), ("drawn among 200", 200), ("drawn among 40", 40)):
            yield f"response matrix, {donors} donors", name, ratio(matrix_errors(model, number), repetitions)
        for score in ("leak", "independence", "directedness", "effective_dimension"):
            for way, jackknife in (("delta method", False), ("jackknife", True)):
                found = ratio(score_errors(model, score, jackknife), max(2, repetitions // 4))
                yield f"{score.replace('_', ' ')}, {way}", name, found


def repeated_responses(repetitions: int) -> Iterator[tuple[str, str, str]]:
    """Yield rows for idempotence, noise recovery and consistency."""
    for name in ("identity", "saturating"):
        model = responding_by(RESPONSE_MAPS[name], 3)

        def idempotence(generator: torch.Generator, model: WrappedAutoencoder = model) -> Measurement:
            found = idempotence_curve(model, codes(generator), num_steps=3, chunk_size=PASS)
            return found.total, found.standard_error

        def recovery(generator: torch.Generator, model: WrappedAutoencoder = model) -> Measurement:
            found = noise_recovery(
                model,
                codes(generator),
                torch.tensor([0.2, 0.5, 1.0]),
                multiples=(0.5, 1.0, 4.0),
                generator=generator,
                chunk_size=PASS,
            )
            return found.ratio, found.standard_error

        def consistent(generator: torch.Generator, model: WrappedAutoencoder = model) -> Measurement:
            given = torch.tensor([-1.0, 0.0, 1.0])
            found = consistency(model, codes(generator), given, num_steps=1, chunk_size=PASS)
            return torch.cat([found.invariance.flatten(), found.equivariance]), torch.cat(
                [found.invariance_error.flatten(), found.equivariance_error]
            )

        yield "idempotence curve", name, ratio(idempotence, repetitions)
        yield "noise recovery, given sigma", name, ratio(recovery, repetitions)
        yield "invariance and equivariance, given values", name, ratio(consistent, repetitions)


def discrepancies(repetitions: int) -> Iterator[tuple[str, str, str]]:
    """Yield rows for the squared MMD."""
    for scale in (1.0, 1.3, 2.0):

        def discrepancy(generator: torch.Generator, scale: float = scale) -> Measurement:
            first, second = codes(generator), scale * codes(generator)
            found = maximum_mean_discrepancy(first, second, num_permutations=0)
            return found.squared, found.standard_error

        yield "squared MMD", f"normal against {scale:g} times normal", ratio(discrepancy, repetitions)


def topologies(repetitions: int) -> Iterator[tuple[str, str, str]]:
    """Yield rows for the fits of shapes."""
    angles = torch.arange(8) * (2 * torch.pi / 8)
    circle = torch.stack([angles.cos(), angles.sin()], dim=1)
    for number in (10, 50):

        def topology(generator: torch.Generator, number: int = number) -> Measurement:
            noise = 0.3 * torch.randn(number, 8, 2, generator=generator)
            size = 1 + 0.5 * torch.randn(number, 1, 1, generator=generator)
            found = factor_topology([size * circle + noise])
            return torch.cat([found.fit[0], found.margin]), torch.cat([found.standard_error[0], found.margin_error])

        yield f"fits of shapes, {number} traversals", "circle with noise", ratio(topology, repetitions)


def encoders() -> dict[str, Callable[[Tensor], Tensor]]:
    """Return encoders from factor values (..., K) to codes (..., D), from little mixing of factors to random codes."""
    weights = torch.randn(NUM_FACTORS, NUM_LATENTS, generator=torch.Generator().manual_seed(3))
    axes = torch.eye(NUM_FACTORS, NUM_LATENTS) + 0.3 * weights
    table = torch.randn(NUM_VALUES**NUM_FACTORS, NUM_LATENTS, generator=torch.Generator().manual_seed(5))
    places = NUM_VALUES ** torch.arange(NUM_FACTORS)

    def random(factors: Tensor) -> Tensor:
        steps = ((factors - LEVELS[0]) / (LEVELS[1] - LEVELS[0])).round().long()
        return table[(steps * places).sum(dim=-1)]

    return {
        "distinct factors": lambda f: torch.tanh(f @ axes) * (1 + 0.25 * f.roll(1, -1) @ weights.abs()),
        "factors near each other": lambda f: 0.5 * torch.tanh(f @ axes) * (1 + f.roll(1, -1) @ weights),
        "random codes": random,
    }


def conditioned(
    encode: Callable[[Tensor], Tensor], number: int, generator: torch.Generator
) -> ConditionedResponseMatrix:
    """Measure the conditioned response matrix of ``number`` traversals of each factor."""
    traversals = []
    for factor in range(NUM_FACTORS):
        values = LEVELS[torch.randint(NUM_VALUES, (number, 1, NUM_FACTORS), generator=generator)]
        values = values.repeat(1, NUM_VALUES, 1)
        values[:, :, factor] = LEVELS
        traversals.append(encode(values))
    model = responding_by(torch.tanh, NUM_LATENTS)
    return conditioned_response_matrix(model, traversals, generator=generator, chunk_size=PASS)


def coverage(repetitions: int) -> Iterator[tuple[str, str, str]]:
    """Yield rows for the 95 % intervals of CDS and CCS."""
    scores = {"CDS": causal_disentanglement_score, "CCS": causal_completeness_score}
    for name, encode in encoders().items():
        many = conditioned(encode, 20_000, torch.Generator().manual_seed(1)).matrix
        for number in (5, 10, 50):
            generator, covered = torch.Generator().manual_seed(0), dict.fromkeys(scores, 0)
            for _ in range(repetitions):
                result = conditioned(encode, number, generator)
                for key, score in scores.items():
                    low, high = bootstrap_interval(result, score, num_resamples=200, generator=generator)
                    covered[key] += bool(low <= score(many) <= high)
            for key, count in covered.items():
                yield f"interval of {key}, {number} traversals", name, f"{100 * count / repetitions:.0f} % covered"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1000, help="scores and intervals use a quarter of them")
    repetitions = parser.parse_args().repetitions
    warnings.filterwarnings("ignore", message=".* undefined")
    print("| error or interval | response map or codes | stated over true, or coverage |\n| --- | --- | --- |")
    for row in chain(
        matrices(repetitions),
        repeated_responses(repetitions),
        discrepancies(repetitions),
        topologies(repetitions),
        coverage(max(2, repetitions // 4)),
    ):
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
