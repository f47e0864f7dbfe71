"""Read image files safely: their size is checked first, and only formats that Pillow decodes itself are accepted."""

import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

LARGEST = 1 << 26
"""Size limit of an image in pixels: 8,192 x 8,192."""

# Formats that Pillow decodes itself; for PostScript, for example, it would start another program.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")


def read_picture(path: Path) -> Image.Image:
    """Read an image file.

    Raises:
        FileNotFoundError: If there is no such file.
        UnidentifiedImageError: If it is not an image in a known format.
        ValueError: If it is not a regular file (a pipe or a device, for example), has several frames, or has more
            pixels than :data:`LARGEST`.
        OSError: If it is damaged; the message contains only the reason.
    """
    with without_warnings():
        image = _open(path)
        with image:
            try:
                image.load()
            except Exception as error:
                raise OSError(f"{error or type(error).__name__}") from error
    return image


def read_pixels(path: Path, *, upright: bool = False) -> Tensor:
    """Read the pixels of an image file, ``(1, H, W)`` for a gray image and ``(3, H, W)`` for one in color, uint8.

    In memory, the channels of a pixel are next to each other, as in the file: scaling is faster then.

    Call it inside :func:`without_warnings`, which cannot be entered by several threads at once.

    Args:
        path: The file.
        upright: Turn or mirror the image as the EXIF orientation in the file says, as viewers do. Cameras store images
            as the sensor saw them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not an image in a known format, not a regular file (a pipe or a device, for example), has
            several frames, more pixels than :data:`LARGEST`, more than 8 bits per channel, or transparent pixels.
        OSError: If it is damaged.
    """
    try:
        with _open(path) as image:
            return pixels_of(image, path, upright=upright)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no image {path}") from error
    except UnidentifiedImageError as error:
        reason = "empty" if not path.stat().st_size else "not an image that Pillow can read"
        raise ValueError(f"{path} is {reason}; remove or replace it") from error
    except OSError as error:
        raise OSError(f"{path} is damaged ({error}); replace it") from error


def pixels_of(image: Image.Image, name: object, *, upright: bool = False) -> Tensor:
    """Return the pixels of an image that Pillow has opened; see :func:`read_pixels`.

    Args:
        image: The image.
        name: What it is called in messages.
        upright: As for :func:`read_pixels`.

    Raises:
        ValueError: If it has more than 8 bits per channel, or transparent pixels.
        OSError: If it is damaged.
    """
    _check_depth(name, image)
    try:
        image.load()
        if upright:
            ImageOps.exif_transpose(image, in_place=True)
        # An alpha channel is fine as long as it is fully opaque.
        opaque = not image.has_transparency_data or image.convert("RGBA").getchannel("A").getextrema() == (255, 255)
        mode = "L" if image.mode in ("1", "L", "LA") else "RGB"
        array = np.array(image if image.mode == mode else image.convert(mode))
    except Exception as error:  # a damaged file raises many types from Pillow's decoders
        raise OSError(f"{error or type(error).__name__}") from error
    if not opaque:
        raise ValueError(f"{name} has transparent pixels; put it on an opaque background first")
    return torch.from_numpy(array.reshape(*array.shape[:2], -1)).permute(2, 0, 1)


@contextmanager
def without_warnings() -> Iterator[None]:
    """Ignore warnings of Pillow: of large images, as :data:`LARGEST` is stricter, and of invalid EXIF data."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def check_regular(path: Path) -> None:
    """Check that ``path`` is a regular file, without opening it.

    Raises:
        FileNotFoundError: If it does not exist, or is not a valid path.
        ValueError: If it is not a regular file (a pipe, socket or device, for example).
    """
    if "\0" in str(path):  # stat() would raise a ValueError
        raise FileNotFoundError(f"no file {path}")
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"{path} is not a regular file; remove it")


def _open(path: Path) -> Image.Image:
    """Open an image file and check its header; errors as for :func:`read_picture`."""
    check_regular(path)
    try:
        image = Image.open(path, formats=_FORMATS)
        # Photographs of some telephones (MPO) have further pictures behind the first, such as a depth map.
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path} is too large ({error}); scale it to at most {LARGEST:,} pixels") from error
    except (UnidentifiedImageError, FileNotFoundError):
        raise
    except Exception as error:  # a damaged file raises many types from Pillow's decoders
        raise OSError(f"{error or type(error).__name__}") from error
    if frames > 1:
        image.close()
        raise ValueError(f"{path} has {frames} frames; save the frames you need as separate images")
    if image.width * image.height > LARGEST:
        image.close()
        raise ValueError(f"{path} has {image.width} x {image.height} pixels; scale it to at most {LARGEST:,} pixels")
    return image


def _check_depth(name: object, image: Image.Image) -> None:
    """Refuse more than 8 bits per channel, which Pillow silently drops from color images."""
    stored = [
        str(part)
        for tile in getattr(image, "tile", ())
        for part in (tile[3] if isinstance(tile[3], tuple) else tile[3:])
    ]
    deep = any(";16" in part or (part.isdigit() and image.format == "PPM" and int(part) > 255) for part in stored)
    if deep or image.mode in ("I", "F") or image.mode.startswith("I;"):
        raise ValueError(f"{name} has more than 8 bits per channel; convert it to 8")
