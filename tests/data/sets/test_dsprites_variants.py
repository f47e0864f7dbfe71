"""Variants of dSprites: what they paint, and that an image depends on seed and index alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import chi2, chi2_contingency
from torch import Tensor

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.sets.double_helix import DoubleHelix
from lr_lightning.data.sets.dsprites_variants import ColorDSprites, DSpritesVariant, NoisyDSprites, ScreamDSprites
from lr_lightning.data.sets.rendered_dsprites import RenderedDSprites
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset
from lr_lightning.testing.data_set_tester import DataSetTester

SPRITES = RenderedDSprites()
SOME = torch.randint(len(SPRITES), (200,), generator=torch.Generator().manual_seed(0))
KINDS = ["color", "noisy", "scream"]


def plain(value: int, num_images: int, height: int, width: int) -> TensorFactorDataset:
    """Images (1, height, width) of one value, which are combination 0 each."""
    pixels = torch.full((num_images, 1, height, width), value, dtype=torch.uint8)
    return TensorFactorDataset("plain", pixels, torch.zeros(num_images, 1).long(), FactorSpace(["x"], [1]))


def small_sprites(num_images: int = 20) -> TensorFactorDataset:
    """Images (1, 6, 5), half of whose pixels are white."""
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(2, (num_images, 1, 6, 5), generator=generator).to(torch.uint8) * 255
    return TensorFactorDataset("dsprites", pixels, torch.arange(num_images)[:, None], FactorSpace(["x"], [num_images]))


class TestColorDSprites(DataSetTester):
    def make(self, folder: Path) -> ColorDSprites:
        return ColorDSprites()


class TestNoisyDSprites(DataSetTester):
    def make(self, folder: Path) -> NoisyDSprites:
        return NoisyDSprites()


class TestScreamDSprites(DataSetTester):
    def make(self, folder: Path) -> ScreamDSprites:
        Image.new("RGB", (80, 70), (90, 20, 160)).save(folder / "scream.jpg")
        return ScreamDSprites(folder / "scream.jpg")


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of 90 x 80 whose red is the column and whose green is the row."""
    row, column = np.mgrid[:80, :90]
    path = tmp_path_factory.mktemp("picture") / "picture.png"
    Image.fromarray(np.stack([column, row, row * 0 + 200], axis=-1).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def variant(picture: Path) -> Callable[..., DSpritesVariant]:
    """Make a variant by its kind."""

    def make(kind: str, sprites: FactorDataset | None = None, seed: int = 0) -> DSpritesVariant:
        if kind == "scream":
            return ScreamDSprites(picture, sprites, seed)
        return {"color": ColorDSprites, "noisy": NoisyDSprites}[kind](sprites, seed)

    return make


def inside(indices: Tensor) -> Tensor:
    """Pixels ``(N, H, W)`` bool of the sprites."""
    return SPRITES.images(indices)[:, 0] > 0


def assert_uniform(values: Tensor, low: int, high: int) -> None:
    """Check integers in ``low..high`` by their chi-square, at a level of one in a million."""
    counts = np.bincount(values.numpy().ravel().astype(int) - low, minlength=high - low + 1)
    assert counts.size == high - low + 1
    expected = counts.sum() / counts.size
    assert ((counts - expected) ** 2).sum() / expected < chi2.ppf(1 - 1e-6, counts.size - 1)


def test_color_fills_each_sprite_with_one_colour_of_half_to_one() -> None:
    images, mask = ColorDSprites().images(SOME), inside(SOME)
    assert not images[~mask[:, None].expand_as(images)].any()
    for image, sprite in zip(images, mask, strict=True):
        assert (image[:, sprite] == image[:, sprite][:, :1]).all()
    center = torch.arange(0, 737_280, 60)  # the first pixel of the sprite has its color
    colors = ColorDSprites().images(center).amax(dim=(2, 3))  # (N, 3)
    assert_uniform(colors, 128, 255)
    # 12,288 independent pairs: the standard error of a correlation of 0 is 1 / sqrt(12,288) = .009
    correlation = np.corrcoef(colors.double().numpy().T)
    assert np.abs(correlation - np.eye(3)).max() < 5 * 0.009


def test_noisy_leaves_the_sprite_white_on_uniform_noise() -> None:
    images, mask = NoisyDSprites().images(SOME), inside(SOME)
    mask = mask[:, None].expand_as(images)
    assert (images[mask] == 255).all()
    assert_uniform(images[~mask], 0, 255)
    assert not torch.equal(images[:, 0], images[:, 1])  # each channel has noise of its own


def test_scream_is_the_mean_of_crop_and_colour_inverted_in_the_sprite(picture: Path) -> None:
    images, mask = ScreamDSprites(picture).images(SOME).int(), inside(SOME)
    background = torch.where(mask[:, None], 255 - images, images)
    column, row = torch.arange(64)[None, :], torch.arange(64)[:, None]
    corner = background[:, :, 0, 0]  # (N, 3): half of left + tint, of top + tint, of 200 + tint, rounded down
    # a level more in the picture is half a level more in the mean, so rounding leaves 0 or 1 in twice the difference
    assert (2 * (background[:, 0] - corner[:, 0, None, None]) - column).abs().max() <= 1
    assert (2 * (background[:, 1] - corner[:, 1, None, None]) - row).abs().max() <= 1
    assert (background[:, 2] == corner[:, 2, None, None]).all()
    many = ScreamDSprites(picture, small_sprites(5000)).images(torch.arange(5000))
    blue = torch.where(small_sprites(5000).images(torch.arange(5000)) > 0, 255 - many, many)[:, 2, 0, 0]
    assert_uniform(blue, 100, 227)  # (200 + tint) / 2 with a tint of 0..255


def test_scream_crops_are_uniform_over_all_positions(tmp_path: Path) -> None:
    # 4 x 3 positions of a crop 5 wide and 6 high, told apart by the difference of pixels of one image
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[..., 1] = np.arange(64).reshape(8, 8) ** 2 // 16
    Image.fromarray(pixels).save(tmp_path / "p.png")
    images = ScreamDSprites(tmp_path / "p.png", plain(0, 6000, 6, 5)).images(torch.arange(6000))
    slopes = images[:, 1, 5, 4].int() - images[:, 1, 0, 0].int()  # half of the crop's rise, up to rounding
    level = torch.from_numpy(pixels[..., 1].astype(int))
    rises = {int(level[top + 5, left + 4] - level[top, left]) for top in range(3) for left in range(4)}
    assert len(rises) == 12
    nearest = torch.tensor(sorted(rises))
    found = (2 * slopes[:, None] - nearest).abs().argmin(dim=1)
    assert ((2 * slopes - nearest[found]).abs() <= 1).all()
    assert_uniform(found, 0, 11)
    red = images[:, 0, 0, 0].int()  # half of the tint's, as the picture has none
    pairs = np.bincount((16 * found + red % 16).numpy(), minlength=192).reshape(12, 16)
    assert chi2_contingency(pairs).pvalue > 1e-6  # crop and tint are independent


def test_a_picture_is_scaled_down_into_350_x_274_and_never_up(tmp_path: Path) -> None:
    flat = plain(0, 1, 274, 200)
    large = Image.new("L", (400, 548))
    large.paste(255, (0, 274, 400, 548))
    large.save(tmp_path / "large.png")
    [image] = ScreamDSprites(tmp_path / "large.png", flat).images(torch.tensor([0])).int()
    # 200 x 274 fills one crop exactly: black above, white below, each averaged with the tint
    assert (image[:, :130] == image[:, :1, :1]).all()
    assert (image[:, 144:] == image[:, -1:, -1:]).all()
    assert (image[:, -1, -1] - image[:, 0, 0] - 127.5).abs().max() < 1
    Image.new("RGB", (199, 274)).save(tmp_path / "small.jpg")
    with pytest.raises(ValueError, match=r"picture .*200 x 274 .*got 199 x 274 from .*small"):
        ScreamDSprites(tmp_path / "small.jpg", flat)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_pictures_of_any_mode_become_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / f"p.{'jpg' if mode == 'CMYK' else 'png'}"
    Image.new("RGB", (70, 70), (90, 90, 90)).convert(mode).save(path)
    assert ScreamDSprites(path).images(SOME[:3]).shape == (3, 3, 64, 64)


@pytest.mark.parametrize("kind", KINDS)
def test_images_differ_between_indices_and_seeds(kind: str, variant: Callable[..., DSpritesVariant]) -> None:
    images = variant(kind).images(SOME)
    assert not torch.equal(variant(kind, seed=1).images(SOME), images)
    same = plain(0 if kind == "noisy" else 255, 2, 64, 64)  # a sprite that fills the image hides the noise
    assert not torch.equal(*variant(kind, same).images(torch.arange(2)))


@pytest.mark.parametrize("kind", KINDS)
def test_is_a_data_set_like_its_sprites(kind: str, variant: Callable[..., DSpritesVariant]) -> None:
    dataset = variant(kind)
    assert dataset.name == f"rendered_{kind}_dsprites"
    assert dataset.renderer_version == SPRITES.renderer_version
    assert torch.equal(dataset.factors(SOME), SPRITES.factors(SOME))
    other = variant(kind, small_sprites(), 3)
    assert (other.name, other.image_shape, other.full_grid, other.renderer_version) == (
        f"{kind}_dsprites",
        (3, 6, 5),
        False,
        None,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_moves_to_a_device_with_its_sprites(kind: str, variant: Callable[..., DSpritesVariant]) -> None:
    dataset = variant(kind, small_sprites())
    assert dataset.to("meta") is dataset
    assert dataset.images(torch.arange(2)).is_meta
    assert dataset.factors(torch.arange(2)).is_meta


@pytest.mark.parametrize("kind", KINDS)
def test_rejects_what_are_no_sprites_and_bad_seeds(kind: str, variant: Callable[..., DSpritesVariant]) -> None:
    with pytest.raises(ValueError, match=r"sprites .* got rendered_color_dsprites with \(3, 64, 64\)"):
        variant(kind, ColorDSprites(SPRITES))
    with pytest.raises(ValueError, match=r"sprites .* got double_helix with \(3,\)"):
        variant(kind, DoubleHelix())
    with pytest.raises(ValueError, match=r"seed .*2\^63.*-1"):
        variant(kind, seed=-1)


def test_rejects_what_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no picture .*scream\.jpg.* prepare scream_dsprites`"):
        ScreamDSprites(tmp_path / "scream.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(ValueError, match=r"text\.jpg is not an image"):
        ScreamDSprites(tmp_path / "text.jpg")
    Image.new("RGB", (80, 80)).save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:-40])
    with pytest.raises(OSError, match=r"cut\.jpg is damaged \(.*truncated.*\); delete it"):
        ScreamDSprites(tmp_path / "cut.jpg")
