"""Sentences that say what the scalars of an assay mean."""

import math
from collections.abc import Callable, Iterator, Mapping

Found = Mapping[str, float]
"""Scalars of an assay, NaN where undefined, with the number of latents of the model under ``"latent_dim"``."""


def number(value: float) -> str:
    """Return ``value`` with three digits, without an exponent as long as that is readable.

    Example:
        >>> number(0.03456), number(1234.5), number(7.0), number(3e-9)
        ('0.0346', '1,234', '7', '3e-09')
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"


def readings(assay: str, scalars: Mapping[str, float], latent_dim: int) -> list[str]:
    """Return sentences on what an assay found, the weightiest first; none for an assay that is not known.

    Args:
        assay: Name of the assay in the catalogue.
        scalars: Its scalars, NaN where undefined.
        latent_dim: Number of latents of the model.

    Example:
        >>> readings("reconstruction", {"mean_squared_error": 0.01}, 10)
        ['The root mean square error of the drawn observations is 0.1 per pixel and channel, or coordinate.']
    """
    read = _READINGS.get(assay)
    return [] if read is None else list(read({**scalars, "latent_dim": latent_dim}))


def _count(value: float, one: str, many: str) -> str:
    """Return a number with its noun."""
    return f"{value:.0f} {one if value == 1 else many}"


def _of_latents(value: float, found: Found) -> str:
    """Return such as ``"7 of 10 latents are"``."""
    return f"{value:.0f} of {_count(found['latent_dim'], 'latent', 'latents')} {'is' if value == 1 else 'are'}"


def _defined(*values: float) -> bool:
    return not any(math.isnan(value) for value in values)


def _reconstruction(found: Found) -> Iterator[str]:
    error = number(found["mean_squared_error"] ** 0.5)
    yield f"The root mean square error of the drawn observations is {error} per pixel and channel, or coordinate."


def _latent_statistics(found: Found) -> Iterator[str]:
    yield f"{_of_latents(found['active_units'], found)} active by the variance of their means."
    if "kl" in found:
        yield f"Posteriors diverge from the prior by {number(found['kl'])} nats, over all latents together."
        yield (
            f"By the polarised regime {_of_latents(found['regime_active'], found)} active, "
            f"{found['regime_mixed']:.0f} mixed and {found['regime_passive']:.0f} passive."
        )


def _response_matrix(found: Found) -> Iterator[str]:
    active, independence = found["active_latents"], found["independence"]
    edges = found["bidirectional_edges"] + found["directed_edges"]
    yield f"{_of_latents(active, found)} active by their response to their own change."
    if _defined(independence):
        yield (
            f"Of the squared effect of an active latent {independence:.0%} is its own answer (independence), the rest "
            "that of other latents."
        )
    if active and not edges:
        yield "No active latent drives another: each is a group of its own."
    elif active:
        yield (
            f"Effects join the active latents to {_count(found['latent_groups'], 'group', 'groups')}, by "
            f"{_count(found['bidirectional_edges'], 'two-way effect', 'two-way effects')} and "
            f"{_count(found['directed_edges'], 'one-way effect', 'one-way effects')}."
        )


def _conditioned_response(found: Found) -> Iterator[str]:
    score, chance, low, high = (found[key] for key in ("cds", "cds_chance", "cds_low", "cds_high"))
    if not _defined(score):
        yield "The causal disentanglement score (CDS) is undefined."
        return
    verdict = "lies above" if low > chance else "does not clear"
    yield (
        f"CDS {number(score)} {verdict} its chance level {number(chance)} "
        f"(95 % interval over traversals {number(low)} to {number(high)})."
    )
    yield f"Completeness (CCS) is {number(found['ccs'])}: 1 if each factor has a single latent that answers to it."
    yield f"{found['owned_factors']:.0%} of the factors own a latent, which answers to them more than to any other."


def _disentanglement(found: Found) -> Iterator[str]:
    names = {
        "mig/score": "MIG",
        "dci/lightgbm_disentanglement": "DCI disentanglement",
        "dci/lightgbm_completeness": "completeness",
        "dci/lightgbm_informativeness_test": "informativeness on held-out rows",
        "infomec/modularity": "InfoM",
        "factor_vae_score/score": "FactorVAE score",
    }
    present = [f"{name} {number(found[key])}" for key, name in names.items() if _defined(found.get(key, math.nan))]
    if present:
        yield f"{', '.join(present)}; the table tells their ceilings and chance levels."


def _factor_topology(found: Found) -> Iterator[str]:
    names = {"categorical": "like categories", "sequential": "on a line", "periodic": "on a circle"}
    shapes: dict[str, list[str]] = {}
    details = []
    for factor in [key.removesuffix("_margin") for key in found if key.endswith("_margin")]:
        fits = {shape: found[f"{factor}_{shape}"] for shape in names}
        if not _defined(*fits.values()):
            details.append(f"{factor} does not move the codes.")
            continue
        best = max(fits, key=lambda shape: fits[shape])
        shapes.setdefault(best, []).append(factor)
        details.append(f"{factor} fits best by {number(fits[best])} of 1, the next shape by {number(_second(fits))}.")
    if shapes:
        parts = [f"{names[shape]} along {', '.join(factors)}" for shape, factors in shapes.items()]
        yield f"By the shape that fits best, codes lie {'; '.join(parts)}."
    yield from details


def _second(fits: Mapping[str, float]) -> float:
    return sorted(fits.values())[-2]


def _response_map(found: Found) -> Iterator[str]:
    if _defined(found["contracting_share"]):
        yield f"{found['contracting_share']:.0%} of the codes on the slices lie where decoding and encoding contracts."
    if _defined(found["void_mass"]):
        yield f"{found['void_mass']:.0%} of the prior's mass on the slices lies in voids, where it does not contract."


def _response_jacobian(found: Found) -> Iterator[str]:
    radius = found["spectral_radius"]
    if not _defined(radius):
        yield "The Jacobian of the response map is not finite."
        return
    directions = f"{number(found['rank'])} of {found['latent_dim']:.0f} directions"
    yield f"Around a code the response map keeps {directions} on average."
    verdict = "below 1, where repetition converges" if radius < 1 else "not below 1, where repetition drifts"
    yield f"Its spectral radius is {number(radius)} on average: {verdict}."
    if _defined(found["antisymmetric_share"]):
        yield f"Rotation has a share of {found['antisymmetric_share']:.0%} in it."


def _decoder_geometry(found: Found) -> Iterator[str]:
    if not _defined(found["condition_number"]):
        yield "The metric of the decoder is not finite."
        return
    yield (
        f"At the median code the metric of {_count(found['num_latents'], 'latent', 'latents')} has condition number "
        f"{number(found['condition_number'])}: 1 if steps in all directions change what is decoded alike."
    )
    if _defined(found["off_diagonal_share"]):
        yield (
            f"{found['off_diagonal_share']:.0%} of the metric lies off its diagonal: 0 % if latents change what is "
            "decoded in orthogonal directions."
        )


def _dynamics(found: Found) -> Iterator[str]:
    near, spacing = found["nearest_code"], found["code_spacing"]
    resting = 1 - found["not_converged"] - found["diverged"]
    if found["attractors"]:
        yield (
            f"{resting:.0%} of the starts come to rest, at {_count(found['attractors'], 'attractor', 'attractors')}; "
            f"the largest draws {found['largest_basin']:.0%} of all starts."
        )
    else:
        yield "No start comes to rest."
    yield (
        f"Decoding and encoding moves a code by {number(found['first_step'])} latent units at first, and by "
        f"{number(found['last_step'])} in the last step of the curve."
    )
    if _defined(near, spacing):
        verdict = "far closer, as if memorised" if near < 0.1 * spacing else "no sign of memorised observations"
        yield (
            f"Attractors lie {number(near)} from the nearest code, codes {number(spacing)} from each other: {verdict}."
        )


def _noise_recovery(found: Found) -> Iterator[str]:
    ratios = {float(key.removeprefix("ratio_")): ratio for key, ratio in found.items() if key.startswith("ratio_")}
    size = min(ratios, key=lambda multiple: abs(math.log(multiple)))
    if not _defined(ratios[size]):
        return
    spread = "standard deviation" if size == 1 else "standard deviations"
    noise = f"Of noise of {number(size)} {spread}"
    if _defined(median := found.get(f"median_{size:g}", math.nan)):
        yield f"{noise}, {median:.0%} is left after decoding and encoding in the median active latent."
        together = _count(found["num_latents"], "active latent", "active latents")
        yield f"In {together} taken together it is {ratios[size]:.0%}."
    else:
        yield f"{noise}, {ratios[size]:.0%} is left after decoding and encoding."


def _response_path(found: Found) -> Iterator[str]:
    path, line = found["path_cost"], found["line_cost"]
    if not _defined(path, line):
        yield "There is no path, since all codes are equal."
        return
    verdict = "cheaper than" if path < line else "no cheaper than"
    yield (
        f"Paths through codes are {verdict} straight lines: their mean squared response is {number(path)} against "
        f"{number(line)}, their length {number(found['path_length'])} against {number(found['line_length'])}."
    )


def _sampling(found: Found) -> Iterator[str]:
    for key, pair in (
        ("mmd_prior_posterior", "The prior and the codes of data"),
        ("mmd_prior_response", "The prior and the responses to it"),
        ("mmd_posterior_response", "The codes of data and the responses to the prior"),
    ):
        value, error, chance = found[key], found[f"{key}_error"], found[f"{key}_p_value"]
        if _defined(value, chance):
            verdict = "differ" if chance <= 0.05 else "cannot be told apart"
            yield f"{pair} {verdict}: squared MMD {number(value)} ± {number(error)}, p-value {number(chance)}."
    yield f"The latent farthest from the prior is off by {number(found['wasserstein_max'])} (Wasserstein distance)."


def _consistency(found: Found) -> Iterator[str]:
    for key, text in (
        ("invariance", "Invariance {}: 1 if latents stay put when others are set."),
        ("equivariance", "Equivariance {}: 1 if latents are read where they were set, and nothing else moves."),
        ("self_consistency_first", "Self-consistency {} after one response: 1 if codes stay where they are."),
        ("self_consistency_last", "Self-consistency {} after the last response."),
    ):
        if _defined(found[key]):
            yield text.format(number(found[key]))


_READINGS: Mapping[str, Callable[[Found], Iterator[str]]] = {
    "reconstruction": _reconstruction,
    "latent_statistics": _latent_statistics,
    "response_matrix": _response_matrix,
    "conditioned_response": _conditioned_response,
    "disentanglement": _disentanglement,
    "factor_topology": _factor_topology,
    "response_map": _response_map,
    "response_jacobian": _response_jacobian,
    "decoder_geometry": _decoder_geometry,
    "dynamics": _dynamics,
    "noise_recovery": _noise_recovery,
    "response_path": _response_path,
    "sampling": _sampling,
    "consistency": _consistency,
}
