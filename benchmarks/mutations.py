"""Ways to corrupt a file: bits, bytes, lengths, pieces and words, all drawn from one generator."""

import re
from collections.abc import Callable

import numpy as np

Mutation = Callable[[bytes, np.random.Generator], bytes]

_NUMBERS = "nan .nan inf -.inf 1e-4 1e999 -1 0 1.5 010 0x10 1_0 1:30 true null ~ 1000000000000 -9223372036854775809"
_MARKS = "[ { } ? : & * << - , ,, # % ' | > ! @ ` ... --- !!int !!timestamp !!python/name:os.system <<: *a &a"
_ARRAYS = "<f8 |O <U9 >c32 (1000000000000,) (-1,3) True 'shape'"
_LONG = (
    "9" * 26,
    "9" * 5000,
    "[" * 3000,
    "]" * 9,
    "- " * 2000,
    "x" * 3000,
    "../" * 40 + "dev/zero",
    "/dev/stdin",
    ": ",
)
_SIGNS = ('"\\ud800"', '"\\0"', "\x85", "\ufeff", "\ud800", "\N{ARABIC LETTER AIN}" * 9, "\n", "\r", "\t", "\0")
_WORDS = (*_NUMBERS.split(), *_MARKS.split(), *_ARRAYS.split(), *_LONG, *_SIGNS)
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**63, 2**64 - 1)


def flip_bits(content: bytes, random: np.random.Generator) -> bytes:
    """Flip one to eight bits."""
    corrupted = bytearray(content)
    for place in random.integers(8 * len(corrupted), size=random.integers(1, 9)):
        corrupted[place // 8] ^= 1 << place % 8
    return bytes(corrupted)


def overwrite(content: bytes, random: np.random.Generator) -> bytes:
    """Overwrite up to 64 bytes with noise, or with one value."""
    start, length = _place(content, random), int(random.integers(1, 65))
    noise = (
        random.bytes(length) if random.random() < 0.5 else bytes([int(random.choice([0, 1, 127, 128, 255]))]) * length
    )
    return content[:start] + noise + content[start + length :]


def set_length(content: bytes, random: np.random.Generator) -> bytes:
    """Write an extreme number of 1 to 8 bytes, in either byte order, where a length may be."""
    start, width = _place(content, random), int(random.choice([1, 2, 4, 8]))
    number = int(random.choice(np.array(_EXTREMES, dtype=object))) % (1 << 8 * width)
    order = "little" if random.random() < 0.5 else "big"
    return content[:start] + number.to_bytes(width, order) + content[start + width :]  # type: ignore[arg-type]


def cut(content: bytes, random: np.random.Generator) -> bytes:
    """Truncate the end."""
    return content[: _place(content, random)]


def drop(content: bytes, random: np.random.Generator) -> bytes:
    """Remove a piece."""
    start, stop = sorted((_place(content, random), _place(content, random)))
    return content[:start] + content[stop:]


def repeat(content: bytes, random: np.random.Generator) -> bytes:
    """Copy a piece to a random position."""
    start, stop = sorted((_place(content, random), _place(content, random)))
    place = _place(content, random)
    return content[:place] + content[start:stop] + content[place:]


def append(content: bytes, random: np.random.Generator) -> bytes:
    """Append noise or zeros."""
    length = int(random.integers(1, 5000))
    return content + (random.bytes(length) if random.random() < 0.5 else bytes(length))


def set_word(content: bytes, random: np.random.Generator) -> bytes:
    """Replace a word or number by a malicious one."""
    words = list(re.finditer(rb"[\w.+-]+", content[:100_000]))
    if not words:
        return append(content, random)
    word = words[int(random.integers(len(words)))]
    return content[: word.start()] + _word(random) + content[word.end() :]


def insert_word(content: bytes, random: np.random.Generator) -> bytes:
    """Insert a malicious word at a random position."""
    place = _place(content, random)
    return content[:place] + _word(random) + content[place:]


BYTES: tuple[Mutation, ...] = (flip_bits, overwrite, set_length, cut, drop, repeat, append)
TEXT: tuple[Mutation, ...] = (*BYTES, set_word, set_word, set_word, insert_word, insert_word)


def mutate(content: bytes, mutations: tuple[Mutation, ...], random: np.random.Generator) -> bytes:
    """Corrupt ``content`` in one to three ways."""
    for _ in range(int(random.integers(1, 4))):
        content = mutations[int(random.integers(len(mutations)))](content or b"\0", random)
    return content


def _place(content: bytes, random: np.random.Generator) -> int:
    """Return a position: in the first 512 bytes, where headers are, or anywhere, with equal probability."""
    end = len(content) if random.random() < 0.5 else min(512, len(content))
    return int(random.integers(end + 1))


def _word(random: np.random.Generator) -> bytes:
    return _WORDS[int(random.integers(len(_WORDS)))].encode("utf-8", "surrogatepass")
