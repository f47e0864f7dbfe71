"""What the interpretations of assays say for given scalars."""

import math

import pytest

from lr_lightning.callbacks import ASSAYS

NAN = math.nan
GRAPH = {"directedness": 0.0, "effective_dimension": 2.0}
CDS = {"cds": 0.81, "cds_norm": 0.7, "cds_low": 0.79, "cds_high": 0.83, "cds_chance": 0.34}
CDS |= {"ccs": 0.5, "ccs_norm": 0.4, "owned_factors": 2 / 3}
REST = {"attractors": 3.0, "not_converged": 0.1, "diverged": 0.05, "largest_basin": 0.5}
REST |= {"first_step": 0.4, "last_step": 0.01, "nearest_code": 0.01, "code_spacing": 0.4}
PATH = {"path_cost": 0.1, "line_cost": 0.3, "path_length": 2.0, "line_length": 1.5}
EDGES = {"bidirectional_edges": 2.0, "directed_edges": 1.0, "latent_groups": 1.0, "independence": 0.75}


@pytest.mark.parametrize(
    ("assay", "scalars", "sentences"),
    [
        ("reconstruction", {"mean_squared_error": 0.04}, ["0.2"]),
        ("latent_statistics", {"active_units": 1.0}, ["1 of 10 latents is active"]),
        (
            "latent_statistics",
            {"active_units": 7.0, "kl": 12.34, "regime_active": 6.0, "regime_mixed": 1.0, "regime_passive": 3.0},
            ["7 of 10 latents are active", "12.3 nats", "6 of 10 latents are active, 1 mixed and 3 passive"],
        ),
        (
            "response_matrix",
            GRAPH | EDGES | {"active_latents": 7.0},
            ["7 of 10 latents are active", "75%", "1 group, by 2 two-way effects and 1 one-way effect"],
        ),
        (
            "response_matrix",
            GRAPH | {"active_latents": 2.0, "independence": 1.0, "bidirectional_edges": 0.0, "directed_edges": 0.0},
            ["2 of 10", "100%", "No active latent"],
        ),
        (
            "response_matrix",
            GRAPH | {"active_latents": 0.0, "independence": NAN, "bidirectional_edges": 0.0, "directed_edges": 0.0},
            ["0 of 10 latents are active"],
        ),
        (
            "conditioned_response",
            CDS,
            ["0.81, above its chance level 0.34 (95 % interval over traversals 0.79 to 0.83)", "0.5", "67%"],
        ),
        (
            "conditioned_response",
            CDS | {"cds_chance": 0.8},
            ["0.81, not above its chance level 0.8", "CCS", "67%"],
        ),
        ("conditioned_response", CDS | {"cds": NAN}, ["(CDS) is undefined"]),
        ("disentanglement", {"mig/score": 0.25, "infomec/modularity": NAN}, ["MIG 0.25; "]),
        ("disentanglement", {"active_units/score": 3.0}, []),
        (
            "factor_topology",
            {"hue_categorical": 0.5, "hue_sequential": 0.6, "hue_periodic": 0.95, "hue_margin": 0.35}
            | {"size_categorical": NAN, "size_sequential": NAN, "size_periodic": NAN, "size_margin": NAN},
            ["circle along hue.", "hue the fit is 0.95 of 1; the next best shape fits by 0.6", "not change along size"],
        ),
        ("response_map", {"void_mass": 0.3, "contracting_share": 0.9}, ["90% of the codes", "30% of the prior's mass"]),
        ("response_map", {"void_mass": NAN, "contracting_share": NAN}, []),
        (
            "response_jacobian",
            {"spectral_radius": 0.9, "rank": 2.5, "antisymmetric_share": 0.1},
            ["2.5 of 10 directions", "0.9 on average: below 1", "10%"],
        ),
        (
            "response_jacobian",
            {"spectral_radius": 1.1, "rank": 2.5, "antisymmetric_share": NAN},
            ["2.5", "1.1 on average: not below 1"],
        ),
        ("response_jacobian", {"spectral_radius": NAN, "rank": NAN, "antisymmetric_share": NAN}, ["is not finite"]),
        (
            "decoder_geometry",
            {"condition_number": 1234.0, "off_diagonal_share": 0.2, "num_latents": 1.0},
            ["1 latent is 1,234", "20% of the metric"],
        ),
        ("decoder_geometry", {"condition_number": NAN, "off_diagonal_share": NAN, "num_latents": 1.0}, ["not finite"]),
        (
            "dynamics",
            REST,
            [
                "85% of the starts converge, to 3 attractors; the largest one attracts 50%",
                "0.4 latent units, the last of the curve by 0.01",
                "0.01 from the nearest code, and codes 0.4 from each other: much closer, as if memorised",
            ],
        ),
        ("dynamics", REST | {"nearest_code": 0.2}, ["85%", "0.4", "no sign of memorised"]),
        (
            "dynamics",
            REST | {"attractors": 0.0, "not_converged": 1.0, "nearest_code": NAN},
            ["No start converges", "0.4"],
        ),
        (
            "noise_recovery",
            {"ratio_0.5": 0.1, "ratio_1": 0.21, "ratio_8": 0.9},
            ["21% of noise of 1 standard deviation survives"],
        ),
        (
            "noise_recovery",
            {"ratio_1": 0.17, "ratio_4": 0.5, "median_1": 0.7, "median_4": 0.9, "num_latents": 8.0},
            [
                "70% of noise of 1 standard deviation survives",
                "8 active latents together, 17%",
            ],
        ),
        ("noise_recovery", {"ratio_8": 0.9, "ratio_2": 0.3}, ["30% of noise of 2 standard deviations survives"]),
        ("response_path", PATH, ["are cheaper than straight lines: their mean squared response is 0.1 against 0.3"]),
        ("response_path", PATH | {"path_cost": 0.4}, ["no cheaper than straight lines"]),
        ("response_path", PATH | {"path_cost": NAN, "line_cost": NAN}, ["There is no path"]),
        (
            "sampling",
            {"mmd_prior_posterior": 0.01, "mmd_prior_posterior_error": 0.002, "mmd_prior_posterior_p_value": 0.3}
            | {"mmd_prior_response": 0.05, "mmd_prior_response_error": 0.001, "mmd_prior_response_p_value": 0.005}
            | {
                "mmd_posterior_response": NAN,
                "mmd_posterior_response_error": NAN,
                "mmd_posterior_response_p_value": NAN,
            }
            | {"wasserstein_max": 0.25},
            [
                "do not differ significantly: squared MMD 0.01 ± 0.002, p-value 0.3",
                "responses differ: squared MMD 0.05 ± 0.001, p-value 0.005",
                "0.25",
            ],
        ),
        (
            "consistency",
            {"invariance": 0.9, "equivariance": NAN, "self_consistency_first": 0.8, "self_consistency_last": 0.6},
            ["Invariance is 0.9", "Self-consistency is 0.8 after one", "Self-consistency is 0.6 after the last"],
        ),
        ("latent_traversal", {}, []),
    ],
)
def test_sentences(assay: str, scalars: dict[str, float], sentences: list[str]) -> None:
    found = list(ASSAYS[assay]().interpretations(scalars, latent_dim=10))
    assert len(found) == len(sentences)
    for sentence, part in zip(found, sentences, strict=True):
        assert part in sentence
        assert sentence.endswith(".")


def test_shapes_of_factors_share_a_sentence() -> None:
    fits = {"categorical": 0.2, "sequential": 0.9, "periodic": 0.3, "margin": 0.6}
    scalars = {f"{factor}_{shape}": fit for factor in ("size", "x") for shape, fit in fits.items()}
    first = next(iter(ASSAYS["factor_topology"]().interpretations(scalars, 4)))
    assert "line along size, x" in first


def test_captions_of_a_pattern_are_shared_and_fall_back_to_the_key() -> None:
    response_map = ASSAYS["response_map"]
    assert response_map.caption("latents_00_01") == response_map.caption("latents_02_03")
    assert ASSAYS["sampling"].caption("my_matrix") == "my matrix"
