"""Random bits that depend on a seed and a number alone, for whole tensors of numbers at once."""

import torch
from torch import Tensor

# Steele, Lea and Flood's constants, as signed numbers: the increment, 2^64 over the golden ratio, and two factors.
_INCREMENT = 0x9E3779B97F4A7C15 - 2**64
_FACTORS = (0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64)


def random_words(seed: int, indices: Tensor, num_words: int) -> Tensor:
    r"""Return random 64-bit words that belong to ``indices``, whatever else is drawn and in whatever order.

    .. math:: w_{ij} = m(k_i + (j + 1) \gamma), \quad k_i = m(m(s + \gamma) + (i + 1) \gamma)

    with the finalizer :math:`m` and the increment :math:`\gamma` of SplitMix64, in integers modulo :math:`2^{64}`: the
    words of index :math:`i` are the stream of SplitMix64 that starts at :math:`k_i`. Integer arithmetic is the same on
    every device. It suits pictures and simulations, not secrets.

    Args:
        seed: Seed :math:`s`.
        indices: Numbers :math:`i`, shape ``(N,)`` int64.
        num_words: Words for each.

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
    """Return random bytes ``(N, num_bytes)`` uint8 of ``indices`` (N,): those of :func:`random_words`, lowest first.

    Raises:
        ValueError: If ``seed`` lies outside ``[0, 2^63)``.
    """
    num_words = -(-num_bytes // 8)
    words = random_words(seed, indices, num_words).flatten()
    # every processor that torch runs on stores the lowest byte first
    return words.view(torch.uint8).view(len(indices), 8 * num_words)[:, :num_bytes]


def check_seed(seed: int) -> None:
    """Raise ``ValueError`` for a ``seed`` that is no such seed."""
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed must lie in [0, 2^63), got {seed}")


def _mix(words: Tensor) -> Tensor:
    """Apply the finalizer of SplitMix64 to ``words``, in place."""
    for shift, factor in zip((30, 27), _FACTORS, strict=True):
        words = words.bitwise_xor_(_shift_right(words, shift)).mul_(factor)
    return words.bitwise_xor_(_shift_right(words, 31))


def _shift_right(words: Tensor, shift: int) -> Tensor:
    """Shift zeros in from the left, where ``>>`` would copy the sign."""
    return (words >> shift).bitwise_and_((1 << (64 - shift)) - 1)
