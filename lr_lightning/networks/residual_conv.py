"""A residual network for images of any size."""

from collections.abc import Sequence
from math import prod

from torch import nn

from lr_lightning.networks.any_size import AnySize, AnySizeNetwork
from lr_lightning.networks.initialization import initialize_for_relu
from lr_lightning.networks.mlp import linear_layers
from lr_lightning.networks.residual_layers import halving_stages


class ResidualConv(AnySizeNetwork):
    """Residual blocks with group norm that halve the image until it is about 4 x 4, mirrored in the decoder.

    Each stage of the encoder begins with a block of stride 2. The decoder upsamples by repeating pixels, which is
    followed by a residual block or, at the end, by a convolution. By default, there are 3 stages for 32 x 32 images,
    4 for 64 x 64 and 48 x 80, 5 for 128 x 128 and 6 for 256 x 256. With 10 latents and 64 x 64 images in color, the
    network has 3,952,567 parameters. They are initialized as recommended for ReLU; the weights of the
    decoder's last layer are then divided by 10, so that training starts with images that are almost uniform.

    Args:
        latent_dim: Number of latents ``D``.
        image_size: Side of square images, or height and width; multiples of 16 from 32 to 256.
        channels: Image channels ``C``; images are ``(C, H, W)``.
        widths: Number of channels of each stage, from the finest to the coarsest, multiples of 8. By default 32, then
            twice as many per stage, at most 256, for as many stages as it takes to reach at most 16 cells.
        blocks_per_stage: Number of residual blocks per stage.
        hidden_units: Number of units of each hidden layer between the coarsest features and the latents; in reverse
            order in the decoder.
        variational: Whether the encoder outputs means and log-variances ``(B, 2 D)`` or codes ``(B, D)``. If ``None``,
            a config uses what its model needs; elsewhere, the default is ``True``.
        parameters_per_value: Number of parameters of the likelihood for each value of an image; the decoder outputs
            ``(B, parameters_per_value * C, H, W)``. If ``None``, a config uses what its likelihood needs; elsewhere,
            the default is 1.

    Raises:
        ValueError: If ``latent_dim``, ``channels``, ``blocks_per_stage``, ``parameters_per_value`` or one of
            ``hidden_units`` is below 1, ``image_size`` is not possible, or ``widths`` are not multiples of 8, empty, or
            too many for the image.

    References:
        He et al., Deep Residual Learning for Image Recognition, CVPR 2016, arXiv:1512.03385 (residual blocks).
        Wu and He, Group Normalization, ECCV 2018, arXiv:1803.08494.
        Odena et al., Deconvolution and Checkerboard Artifacts, Distill 2016, doi:10.23915/distill.00003 (upsampling).
    """

    def __init__(
        self,
        latent_dim: int = 10,
        image_size: int | tuple[int, int] = 64,
        channels: int = 3,
        widths: Sequence[int] | None = None,
        blocks_per_stage: int = 1,
        hidden_units: Sequence[int] = (256,),
        variational: bool | None = None,
        parameters_per_value: int | None = None,
    ) -> None:
        sizes = AnySize.checked(latent_dim, channels, image_size, widths, blocks_per_stage, hidden_units)
        variational = True if variational is None else variational
        outputs = 2 * latent_dim if variational else latent_dim
        encoder = nn.Sequential(
            *halving_stages([channels, *sizes.widths], blocks_per_stage),
            nn.Flatten(),
            *linear_layers([prod(sizes.features), *hidden_units, outputs], nn.ReLU),
        )
        initialize_for_relu(encoder)
        super().__init__(encoder, sizes, variational, parameters_per_value)
