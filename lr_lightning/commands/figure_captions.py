"""What each figure of an assay shows, in a sentence or two for readers who do not know it."""

from collections.abc import Mapping

_ANY = "*"

_CAPTIONS: Mapping[str, Mapping[str, str]] = {
    "reconstruction": {
        "samples": "Observations and what the model makes of them: what is missing here, no latent says."
    },
    "latent_traversal": {
        "images": "Each row moves one latent through its range while the others stay: what changes along a row is what "
        "the latent says, and a row without change is a latent without use."
    },
    "latent_statistics": {
        "latents": "How far the posterior of each latent is from the prior, and how its mean varies over the data: "
        "a latent near 0 in both says nothing."
    },
    "response_matrix": {
        "matrix": "Row: the latent that was replaced; column: the latent that answers after decoding and encoding. A "
        "bright diagonal alone means latents that keep their own values and leave the others be.",
        "graph": "Active latents, and arrows from those that drive to those that answer. Two latents joined both ways "
        "often encode one circular factor.",
    },
    "conditioned_response": {
        "matrix": "Row: the factor along which values were exchanged; column: the latent that answers. One bright cell "
        "a column means latents that each carry one factor."
    },
    "disentanglement": {_ANY: "The matrix that the score is read from."},
    "factor_topology": {
        "distances": "Squared distances between the codes of a factor's values, beside those of categories, a line and "
        "a circle; the shape that fits best is framed."
    },
    "response_map": {
        _ANY: "Where decoding and encoding moves codes of these two latents, the others fixed at a code of the data: "
        "it gathers them where the divergence is negative and at positive mean curvature, and scatters them elsewhere."
    },
    "response_jacobian": {
        "spectrum": "How the response map stretches small steps around codes: eigenvalues near 1 belong to directions "
        "that are kept, near 0 to those that are lost."
    },
    "decoder_geometry": {
        "metric": "How much small steps of codes change what is decoded, over codes: a flat spectrum means that all "
        "directions count alike."
    },
    "dynamics": {
        "idempotence": "How far codes still move when they are decoded and encoded again and again; a falling curve "
        "means that they settle.",
        "attractors": "Where they end, decoded, with the share of starts that end there and the distance to the "
        "nearest code of the data.",
    },
    "noise_recovery": {
        "curve": "The part of noise that is left after decoding and encoding: 0 is filtered out, 1 is passed on."
    },
    "response_path": {
        "cost": "How far decoding and encoding moves the points of a path and of the straight line between the same "
        "codes, for the first pair: low where the model knows what it decodes.",
        "images": "Decoded along the same path and line.",
    },
    "sampling": {
        "structure_score": "Distances between the prior, the codes of data (q) and the responses to the prior; below "
        "the dashed lines two cannot be told apart.",
        "prior_gap": "How far each latent of the codes is from the prior, beside as many draws of the prior.",
        "samples": "Decoded draws of the prior, of the codes of data, and of codes whose latents were shuffled apart: "
        "where the last look worse, latents depend on each other.",
    },
    "consistency": {
        "invariance": "Row: the latent that was set; column: the latent that is read. 1 where it does not move, which "
        "is what all cells off the diagonal should be.",
        "equivariance": "Whether setting a latent and taking the response can be exchanged, 1 if so.",
        "self_consistency": "How well codes stay where they are over responses in a row, 1 if they do not move.",
    },
}


def figure_caption(assay: str, key: str) -> str:
    """Return what the figure ``key`` of an assay shows; its name where there is nothing to say.

    Args:
        assay: Name of the assay in the catalogue.
        key: Name of the figure among those of the assay.

    Example:
        >>> figure_caption("consistency", "equivariance")
        'Whether setting a latent and taking the response can be exchanged, 1 if so.'
    """
    captions = _CAPTIONS.get(assay, {})
    return captions.get(key) or captions.get(_ANY) or key.replace("_", " ")
