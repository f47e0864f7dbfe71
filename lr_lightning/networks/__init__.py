"""Encoder and decoder networks, without training logic."""

from lr_lightning.networks.base import AutoencoderNetwork
from lr_lightning.networks.conv32 import Conv32
from lr_lightning.networks.conv64_burgess import Conv64Burgess
from lr_lightning.networks.conv64_leeb import Conv64Leeb
from lr_lightning.networks.conv64_locatello import Conv64Locatello
from lr_lightning.networks.mlp import MLP

__all__ = ["MLP", "AutoencoderNetwork", "Conv32", "Conv64Burgess", "Conv64Leeb", "Conv64Locatello"]
