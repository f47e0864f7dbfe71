"""Read a picture file whose size has been looked at, and nothing but a picture."""

import stat
import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

LARGEST = 1 << 26
"""Pixels of the largest picture that is read: 8,192 x 8,192."""

# Of what Pillow reads, formats whose readers are its own; it would start other programs for PostScript.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")


def read_picture(path: Path) -> Image.Image:
    """Read the first frame of a picture.

    Raises:
        FileNotFoundError: If there is no such file.
        UnidentifiedImageError: If it is no picture in a format that is known.
        ValueError: If it is no regular file, but a pipe or a device, say, or has more pixels than :data:`LARGEST`.
        OSError: If it is damaged; the message is the reason alone.
    """
    check_regular(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit here is lower
            image = Image.open(path, formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path} is too large ({error}); scale it to {LARGEST:,} pixels at most") from error
    except (UnidentifiedImageError, FileNotFoundError):
        raise
    except Exception as error:  # whatever a reader of Pillow stumbles over in a damaged file
        raise OSError(f"{error or type(error).__name__}") from error
    with image:
        if image.width * image.height > LARGEST:
            raise ValueError(
                f"{path} has {image.width} x {image.height} pixels; scale it to {LARGEST:,} pixels at most"
            )
        try:
            image.load()
        except Exception as error:
            raise OSError(f"{error or type(error).__name__}") from error
    return image


def check_regular(path: Path) -> None:
    """Look at what is at ``path`` without opening it.

    Raises:
        FileNotFoundError: If there is nothing, or can be nothing of that name.
        ValueError: If it is no regular file, but a pipe, socket or device, say.
    """
    if "\0" in str(path):
        raise FileNotFoundError(f"no file {path}")
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"{path} is no regular file; take it away")
