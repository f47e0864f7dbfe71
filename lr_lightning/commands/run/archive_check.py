"""Verifies every byte of an archive written by ``torch.save``, which ``torch.load`` does not."""

import mmap
import struct
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path

_LOCAL = struct.Struct("<4s2HH2H3I2H")  # signature, version, flags, method, time, date, crc, sizes, lengths
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_END = struct.Struct("<4s4H2IH")
_BLOCK = 1 << 26  # bytes per call of the checksum


def check_archive(path: Path) -> None:
    """Raise ``ValueError`` if a byte of a file has changed since it was written; the message names the place.

    All contents have checksums. Headers and padding are compared with their copies in the archive and with the same
    fields of other entries, so that any single flipped bit is found. An intact file is not read again while its size
    and modification time stay the same.

    Args:
        path: An archive written by ``torch.save``.

    Raises:
        OSError: If it cannot be read.
    """
    status = path.stat()
    _check(path, status.st_size, status.st_mtime_ns)


@lru_cache
def _check(path: Path, _size: int, _moment: int) -> None:
    """Check a file; size and modification time are arguments only to be part of the cache's key."""
    with path.open("rb") as file:
        try:
            entries = zipfile.ZipFile(file).infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError) as error:
            raise ValueError(f"not a complete archive: {error}") from error
        if not entries:
            raise ValueError("an empty archive")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                _check_content(content, sorted(entries, key=lambda entry: entry.header_offset))
            except (struct.error, IndexError) as error:
                raise ValueError("its headers contradict each other") from error


def _check_content(content: mmap.mmap, entries: list[zipfile.ZipInfo]) -> None:
    if len({_without_copy(entry) for entry in entries}) > 1:
        raise ValueError("the entries of its directory contradict each other")
    position, padding = 0, set[bytes]()
    for entry in entries:
        if entry.header_offset != position:
            raise ValueError(f"{entry.filename} does not begin at the offset in its directory")
        position = _check_entry(content, entry, padding)
    if len(padding) > 1:
        raise ValueError("its padding is not uniform")
    _check_end(content, position, len(entries))


def _without_copy(entry: zipfile.ZipInfo) -> tuple[int, ...]:
    """Return the fields that occur only in the directory; one writer gives all entries the same values."""
    return entry.create_version, entry.create_system, entry.volume, entry.internal_attr, entry.external_attr


def _check_entry(content: mmap.mmap, entry: zipfile.ZipInfo, padding: set[bytes]) -> int:
    """Check one file of the archive and return its end; add the bytes of its padding to ``padding``."""
    name = entry.filename
    start = entry.header_offset + _LOCAL.size
    signature, version, flags, method, time, date, crc, packed, unpacked, name_length, extra_length = _LOCAL.unpack(
        content[entry.header_offset : start]
    )
    known = (entry.CRC, entry.compress_size, entry.file_size)
    follows = bool(flags & 0x08)  # whether checksum and sizes follow the contents
    agrees = (
        signature == b"PK\x03\x04"
        and (version, flags, method)
        == (entry.extract_version | entry.reserved << 8, entry.flag_bits, entry.compress_type)
        and (date, time) == _dos_time(entry)
        and (crc, packed, unpacked) in (((0, 0, 0),) if follows else (known,))
        and content[start : start + name_length] == name.encode()
        and method == zipfile.ZIP_STORED
        and entry.compress_size == entry.file_size
    )
    if not agrees:
        raise ValueError(f"the header of {name} contradicts its directory")
    start += int(name_length)
    _check_extra(content[start : start + extra_length], name, padding)
    start += int(extra_length)
    end: int = start + entry.file_size
    if _checksum(content, start, end) != entry.CRC:
        raise ValueError(f"the checksum of {name} is wrong")
    if not follows:
        return end
    for layout in (struct.Struct("<4s3I"), struct.Struct("<4sI2Q")):  # the second is for sizes of 4 GB and more
        if content[end : end + layout.size] == _packed(layout, b"PK\x07\x08", *known):
            return end + layout.size
    raise ValueError(f"the checksum after {name} contradicts its directory")


def _packed(layout: struct.Struct, *values: bytes | int) -> bytes:
    """Pack ``values``; return no bytes if one is too large for ``layout``."""
    try:
        return layout.pack(*values)
    except struct.error:
        return b""


def _dos_time(entry: zipfile.ZipInfo) -> tuple[int, int]:
    year, month, day, hour, minute, second = entry.date_time
    return (year - 1980) << 9 | month << 5 | day, hour << 11 | minute << 5 | second // 2


def _check_extra(extra: bytes, name: str, padding: set[bytes]) -> None:
    """Check the extra field of a header: padding that repeats one byte, or sizes of 4 GB and more."""
    while extra:
        kind, length = struct.unpack("<2sH", extra[:4])
        block, extra = extra[4 : 4 + length], extra[4 + length :]
        if len(block) < length or kind not in (b"FB", b"\x01\x00"):
            raise ValueError(f"the padding of {name} is damaged")
        if kind == b"FB":
            padding.update(block[i : i + 1] for i in range(len(block)))


def _checksum(content: mmap.mmap, start: int, end: int) -> int:
    value = 0
    with memoryview(content) as view:
        for block in range(start, end, _BLOCK):
            value = zlib.crc32(view[block : min(block + _BLOCK, end)], value)
    return value


def _check_end(content: mmap.mmap, start: int, count: int) -> None:
    """Check the records after the directory, and that the directory fills the space before them."""
    end = len(content) - _END.size
    directory_end = end
    if content[end - _LOCATOR.size : end - _LOCATOR.size + 4] == b"PK\x06\x07":
        directory_end = end - _LOCATOR.size - _END64.size
        # version numbers as always written by torch
        record = _END64.pack(
            b"PK\x06\x06", _END64.size - 12, 0x031E, 45, 0, 0, count, count, directory_end - start, start
        )
        locator = _LOCATOR.pack(b"PK\x06\x07", 0, directory_end, 1)
        if content[directory_end:end] != record + locator:
            raise ValueError("the end of its directory is damaged")
    position = start
    for _ in range(count):
        position += 46 + sum(struct.unpack("<3H", content[position + 28 : position + 34]))  # name, extra field, comment
    size = directory_end - start
    counts, sizes = min(count, 0xFFFF), (min(size, 0xFFFFFFFF), min(start, 0xFFFFFFFF))
    if position != directory_end or content[end:] != _END.pack(b"PK\x05\x06", 0, 0, counts, counts, *sizes, 0):
        raise ValueError("its end is damaged")
