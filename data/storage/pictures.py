"""Read image files safely: their size is checked first, and only formats that Pillow decodes itself are accepted."""

import stat
import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

LARGEST = 1 << 26
"""Size limit of an image in pixels: 8,192 x 8,192."""

# Formats that Pillow decodes itself; for PostScript, for example, it would start another program.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")


def read_picture(path: Path) -> Image.Image:
    """Read the first frame of an image file.

    Raises:
        FileNotFoundError: If there is no such file.
        UnidentifiedImageError: If it is not an image in a known format.
        ValueError: If it is not a regular file (a pipe or a device, for example), or has more pixels than
            :data:`LARGEST`.
        OSError: If it is damaged; the message contains only the reason.
    """
    check_regular(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # LARGEST below is stricter
            image = Image.open(path, formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path} is too large ({error}); scale it to at most {LARGEST:,} pixels") from error
    except (UnidentifiedImageError, FileNotFoundError):
        raise
    except Exception as error:  # a damaged file raises many types from Pillow's decoders
        raise OSError(f"{error or type(error).__name__}") from error
    with image:
        if image.width * image.height > LARGEST:
            raise ValueError(
                f"{path} has {image.width} x {image.height} pixels; scale it to at most {LARGEST:,} pixels"
            )
        try:
            image.load()
        except Exception as error:
            raise OSError(f"{error or type(error).__name__}") from error
    return image


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
