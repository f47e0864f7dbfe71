"""Random bits that depend only on a seed and an index, for whole tensors of indices at once."""

import torch
from torch import Tensor

# Steele, Lea and Flood's constants as signed integers: the increment, 2^64 over the golden ratio, and two factors.
_INCREMENT = 0x9E3779B97F4A7C15 - 2**64
_FACTORS = (0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64)


def random_words(seed: int, indices: Tensor, num_words: int) -> Tensor:
    r"""Return random 64-bit words for each of ``indices``, independent of other calls and of their order.

    .. math:: w_{ij} = m(k_i + (j + 1) \gamma), \quad k_i = m(m(s + \gamma) + (i + 1) \gamma)

    with the finalizer :math:`m` and the increment :math:`\gamma` of SplitMix64, in integers modulo :math:`2^{64}`: the
    words of index :math:`i` are the SplitMix64 stream with initial state :math:`k_i`. Integer arithmetic gives the same
    result on every device. Suitable for images and simulations, not for cryptography.

    Args:
        seed: Seed :math:`s`.
        indices: Indices :math:`i`, shape ``(N,)`` int64.
        num_words: Number of words per index.

    Returns:
        ``(N, num_words)`` int64, all 64 bits random, on the device of ``indices``.

    Raises:
        ValueError: If ``seed`` lies outside ``[0, 2^63)``.

    References:
        Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014,
        doi:10.1145/2660193.2660195.

    Example:
        >>> words = random_words(0, torch.tensor([7, 8, 9]), 2)
        >>> torch.equal(words[1:2], random_words(0, torch.tensor([8]), 2))
        True
    """
    check_seed(seed)
    stream = _mix(torch.tensor(seed, device=indices.device) + _INCREMENT)
    keys = _mix((indices + 1) * _INCREMENT + stream)  # (N,)
    steps = torch.arange(1, num_words + 1, device=indices.device) * _INCREMENT
    return _mix(keys[:, None] + steps)


def random_bytes(seed: int, indices: Tensor, num_bytes: int) -> Tensor:
    """Return random bytes ``(N, num_bytes)`` uint8 for ``indices`` (N,): :func:`random_words`, lowest byte first.

    Raises:
        ValueError: If ``seed`` lies outside ``[0, 2^63)``.
    """
    num_words = -(-num_bytes // 8)
    words = random_words(seed, indices, num_words).flatten()
    # torch only runs on little-endian processors, so a view starts with the lowest byte
    return words.view(torch.uint8).view(len(indices), 8 * num_words)[:, :num_bytes]


def random_normals(seed: int, indices: Tensor, num_values: int) -> Tensor:
    """Return standard normal values ``(N, num_values)`` float64 for ``indices`` (N,), from :func:`random_words`.

    Raises:
        ValueError: If ``seed`` lies outside ``[0, 2^63)``.
    """
    # 52 bits and a half: the middle of one of 2^52 intervals, never 0 or 1
    uniform = _shift_right(random_words(seed, indices, num_values), 12).double().add_(0.5).mul_(2.0**-52)
    normals: Tensor = torch.special.ndtri(uniform)
    return normals


def check_seed(seed: int) -> None:
    """Raise ``ValueError`` unless ``seed`` lies in ``[0, 2^63)``."""
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed must lie in [0, 2^63), got {seed}")


def _mix(words: Tensor) -> Tensor:
    """Apply the finalizer of SplitMix64 to ``words``, in place."""
    for shift, factor in zip((30, 27), _FACTORS, strict=True):
        words = words.bitwise_xor_(_shift_right(words, shift)).mul_(factor)
    return words.bitwise_xor_(_shift_right(words, 31))


def _shift_right(words: Tensor, shift: int) -> Tensor:
    """Shift right and fill with zeros; ``>>`` on signed integers would copy the sign bit."""
    return (words >> shift).bitwise_and_((1 << (64 - shift)) - 1)
