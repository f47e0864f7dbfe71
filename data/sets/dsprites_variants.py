"""dSprites in random colors, on noise and on a picture, generated on the fly."""

import hashlib
from abc import abstractmethod
from pathlib import Path
from typing import Self

import numpy as np
import torch
from PIL import UnidentifiedImageError
from torch import Tensor

from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.derived_dataset import DerivedDataset
from lr_lightning.data.drawing.counter_random import check_seed, random_bytes, random_words
from lr_lightning.data.sets.dsprites import DSPRITES_FACTORS
from lr_lightning.data.sets.rendered_dsprites import RenderedDSprites
from lr_lightning.data.storage.pictures import read_picture
from lr_lightning.data.storage.public_file import PublicFile

_LARGEST_PICTURE = (350, 274)  # width and height in disentanglement_lib


def _record(
    variant: str, title: str, files: tuple[PublicFile, ...] = (), path: str | None = None, path_argument: str = "path"
) -> DataSetRecord:
    return DataSetRecord(
        name=f"{variant}_dsprites",
        title=f"dSprites {title}, made on the fly from a seed",
        num_samples=len(DSPRITES_FACTORS),
        image_shape=(3, 64, 64),
        factor_space=DSPRITES_FACTORS,
        license="MIT, or zlib/libpng of the public sprites",
        files=files,
        path=path,
        path_argument=path_argument,
        bits_per_value=0,
        sprites="dsprites",
    )


class DSpritesVariant(DerivedDataset):
    """Base class of the variants: sprites ``(1, H, W)`` painted as ``(3, H, W)``.

    The random part of an image depends only on the seed and the image's index: it is the same in every epoch, batch,
    process and worker, and on every device. The factors are the factors of the sprites; the random part is not a
    factor.

    Attributes:
        name: Name of the sprites with the variant inserted, such as ``"rendered_color_dsprites"``.
        seed: Random seed.
    """

    def __init__(self, variant: str, sprites: FactorDataset | None, seed: int) -> None:
        sprites = RenderedDSprites() if sprites is None else sprites
        if len(sprites.image_shape) != 3 or sprites.image_shape[0] != 1:
            raise ValueError(
                f"sprites must be images (1, H, W), such as DSprites or RenderedDSprites, got {sprites.name} with "
                f"{tuple(sprites.image_shape)}"
            )
        check_seed(seed)
        super().__init__(sprites)
        rendered = "rendered_" if sprites.name.startswith("rendered_") else ""
        self.name = f"{rendered}{variant}_{sprites.name.removeprefix(rendered)}"
        self.seed = seed
        self.image_shape: tuple[int, ...] = (3, *sprites.image_shape[1:])

    @property
    def sprites(self) -> FactorDataset:
        """The data set of sprites."""
        return self.original

    def images(self, indices: Tensor) -> Tensor:
        """Return images ``(N, 3, H, W)`` uint8 of ``indices`` (N,), on the device of the sprites.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        sprites = self.sprites.images(indices)
        return self._paint(sprites, indices.to(sprites.device))

    @abstractmethod
    def _paint(self, sprites: Tensor, indices: Tensor) -> Tensor:
        """Paint ``sprites`` (N, 1, H, W) in {0, 255}; images ``(N, 3, H, W)`` uint8."""


class ColorDSprites(DSpritesVariant):
    """dSprites in a random color on black: each channel uniform on [.5, 1], as the levels 128 to 255.

    Args:
        sprites: dSprites; by default the rendered set.
        seed: Seed of the colors.

    Raises:
        ValueError: If the images of ``sprites`` have no single channel, or ``seed`` lies outside ``[0, 2^63)``.

    References:
        Locatello et al., Challenging Common Assumptions in the Unsupervised Learning of Disentangled Representations,
        2019, arXiv:1811.12359.

    Example:
        >>> dataset = ColorDSprites()
        >>> dataset.images(torch.tensor([0, 1])).shape
        torch.Size([2, 3, 64, 64])
    """

    records = (_record("color", "in random colors"),)

    def __init__(self, sprites: FactorDataset | None = None, seed: int = 0) -> None:
        super().__init__("color", sprites, seed)

    def _paint(self, sprites: Tensor, indices: Tensor) -> Tensor:
        colors = random_bytes(self.seed, indices, 3) // 2 + 128
        return sprites & colors[:, :, None, None]


class NoisyDSprites(DSpritesVariant):
    """White dSprites on noise: each background pixel and channel uniform on [0, 1], as the levels 0 to 255.

    Args:
        sprites: dSprites; by default the rendered set.
        seed: Seed of the noise.

    Raises:
        ValueError: If the images of ``sprites`` have no single channel, or ``seed`` lies outside ``[0, 2^63)``.

    References:
        Locatello et al., Challenging Common Assumptions in the Unsupervised Learning of Disentangled Representations,
        2019, arXiv:1811.12359.
    """

    records = (_record("noisy", "on noise"),)

    def __init__(self, sprites: FactorDataset | None = None, seed: int = 0) -> None:
        super().__init__("noisy", sprites, seed)

    def _paint(self, sprites: Tensor, indices: Tensor) -> Tensor:
        _, height, width = self.image_shape
        noise = random_bytes(self.seed, indices, 3 * height * width).view(-1, 3, height, width)
        return sprites | noise


class ScreamDSprites(DSpritesVariant):
    """dSprites on a picture: a random crop, tinted with a random color, and inverted inside the sprite.

    The background is the mean of the crop and a color that is uniform on [0, 1] in each channel, rounded down to
    multiples of 1 / 255. Crop positions are uniform over all positions; the original code never draws the last row and
    column of positions.

    The original picture is Munch's The Scream; ``lr-lightning data prepare scream_dsprites`` downloads it. As in the
    original code, the picture is converted to RGB and, if larger, scaled down to fit into 350 x 274 pixels (width x
    height) with its aspect ratio preserved, so that a crop shows a good part of it. It is never enlarged.

    Args:
        picture: Image file, in PNG, JPEG, BMP, GIF, PPM, TIFF or WebP format.
        sprites: dSprites; by default the rendered set.
        seed: Seed of crops and tints.

    Raises:
        FileNotFoundError: If there is no such picture.
        OSError: If it is damaged.
        ValueError: If it is not an image, has more than 2^26 pixels or, after scaling, is smaller than an image of
            ``sprites``; if the images of ``sprites`` do not have a single channel; or if ``seed`` lies outside
            ``[0, 2^63)``.

    References:
        Locatello et al., Challenging Common Assumptions in the Unsupervised Learning of Disentangled Representations,
        2019, arXiv:1811.12359.
    """

    records = (
        _record(
            "scream",
            "on Munch's The Scream",
            # disentanglement_lib downloads the same photograph; no checksum has been published
            files=(
                PublicFile(
                    "scream.jpg", "https://upload.wikimedia.org/wikipedia/commons/f/f4/The_Scream.jpg", md5=None
                ),
            ),
            path="scream.jpg",
            path_argument="picture",
        ),
    )

    def __init__(self, picture: str | Path, sprites: FactorDataset | None = None, seed: int = 0) -> None:
        super().__init__("scream", sprites, seed)
        self._picture = _read_picture(Path(picture))  # (3, height, width)
        _, height, width = self.image_shape
        if self._picture.shape[1] < height or self._picture.shape[2] < width:
            raise ValueError(
                f"picture must be at least {width} x {height} pixels after scaling to fit into 350 x 274, got "
                f"{self._picture.shape[2]} x {self._picture.shape[1]} from {picture}; use a larger or less oblong one"
            )

    @property
    def background(self) -> str:
        """SHA-256 of the picture after scaling, which distinguishes sets with different pictures."""
        return hashlib.sha256(self._picture.cpu().contiguous().numpy().tobytes()).hexdigest()

    def to(self, device: torch.device | str) -> Self:
        """Move the sprites and the picture to ``device``, so that batches are painted there; return ``self``."""
        self._picture = self._picture.to(device)
        return super().to(device)

    def _paint(self, sprites: Tensor, indices: Tensor) -> Tensor:
        _, height, width = self.image_shape
        crops = self._picture.unfold(1, height, 1).unfold(2, width, 1)  # (3, tops, lefts, H, W), a view
        position = random_words(self.seed, indices, 1)[:, 0].bitwise_and_(2**62 - 1) % (crops.shape[1] * crops.shape[2])
        crop = crops[:, position // crops.shape[2], position % crops.shape[2]].transpose(0, 1)  # (N, 3, H, W)
        # Bytes 8 to 10: the first 8 bytes are the random word that chose the position.
        tint = random_bytes(self.seed, indices, 11)[:, 8:, None, None]
        background: Tensor = ((crop.short() + tint) >> 1).to(torch.uint8)
        return background ^ sprites  # inverts inside the sprite: b ^ 255 is 255 - b, and b ^ 0 is b


def _read_picture(path: Path) -> Tensor:
    """Return the picture ``(3, height, width)`` uint8, scaled down to the size of the original."""
    if not path.is_file():
        raise FileNotFoundError(
            f"no picture {path}; give the path of an image file, or download a photograph of Munch's The Scream with "
            "`lr-lightning data prepare scream_dsprites`"
        )
    try:
        picture = read_picture(path).convert("RGB")
    except UnidentifiedImageError as error:
        raise ValueError(f"{path} is not an image that Pillow can read; give a .jpg or .png file") from error
    except OSError as error:
        raise OSError(f"{path} is damaged ({error}); delete it and download it again, or give another") from error
    picture.thumbnail(_LARGEST_PICTURE)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)
