"""Bits and back."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lr_lightning.data.storage.packed_images import pack_bits, packed_size, unpack_bits


@given(num_images=st.integers(0, 5), shape=st.tuples(*[st.integers(1, 9)] * 3), seed=st.integers(0, 99))
def test_images_come_back_from_an_eighth_of_their_size(num_images: int, shape: tuple[int, ...], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    images = 255 * torch.randint(2, (num_images, *shape), dtype=torch.uint8, generator=generator)
    packed = pack_bits(images)
    num_pixels = shape[0] * shape[1] * shape[2]
    assert packed.shape == (num_images, (num_pixels + 7) // 8) == (num_images, packed_size(shape))
    back = unpack_bits(packed, shape)
    assert back.dtype == torch.uint8
    assert back.is_contiguous()
    assert torch.equal(back, images)


def test_the_first_pixel_is_the_highest_bit() -> None:
    image = torch.tensor([[255, 0, 0, 0, 0, 0, 255, 255, 255]], dtype=torch.uint8)
    assert pack_bits(image).tolist() == [[0b10000011, 0b10000000]]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_unpacks_on_the_gpu_as_on_the_cpu() -> None:
    packed = torch.arange(256, dtype=torch.uint8).view(2, 128)
    images = unpack_bits(packed.cuda(), (1, 32, 32))
    assert images.is_cuda
    assert torch.equal(images.cpu(), unpack_bits(packed, (1, 32, 32)))


def test_unpacks_on_the_device_of_the_bits() -> None:
    assert unpack_bits(torch.zeros(2, 1, dtype=torch.uint8, device="meta"), (1, 2, 4)).device.type == "meta"


def test_rejects_gray() -> None:
    with pytest.raises(ValueError, match=r"0 and 255.*7"):
        pack_bits(torch.tensor([[0, 255, 7, 9]], dtype=torch.uint8))
