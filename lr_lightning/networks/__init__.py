"""Encoder and decoder networks; they contain no training logic."""

from lr_lightning.common.registry import Registry
from lr_lightning.networks.base import AutoencoderNetwork
from lr_lightning.networks.conv32 import Conv32
from lr_lightning.networks.conv64_burgess import Conv64Burgess
from lr_lightning.networks.conv64_leeb import Conv64Leeb
from lr_lightning.networks.conv64_locatello import Conv64Locatello
from lr_lightning.networks.discriminator import Discriminator
from lr_lightning.networks.grouped import GroupedNetwork, check_grouped_network
from lr_lightning.networks.ladder_conv64 import LadderConv64
from lr_lightning.networks.mlp import MLP
from lr_lightning.networks.residual_conv import ResidualConv
from lr_lightning.networks.structural_conv64 import StructuralConv64
from lr_lightning.networks.torchvision_encoder import TorchvisionEncoder

__all__ = [
    "MLP",
    "NETWORKS",
    "AutoencoderNetwork",
    "Conv32",
    "Conv64Burgess",
    "Conv64Leeb",
    "Conv64Locatello",
    "Discriminator",
    "GroupedNetwork",
    "LadderConv64",
    "ResidualConv",
    "StructuralConv64",
    "TorchvisionEncoder",
    "check_grouped_network",
]

NETWORKS = Registry.of_exports("network", AutoencoderNetwork, globals(), group="lr_lightning.networks")
"""The networks that this package exports, and those of installed packages, by the names of their classes."""
