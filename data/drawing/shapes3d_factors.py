"""The factors of 3DShapes (Burgess & Kim 2018), shared by the public file and its rendered twin."""

import numpy as np

from lr_lightning.data.factor_space import FactorSpace

_HUES = [i / 10 for i in range(10)]

#: 480,000 combinations. Hues are HSV hues in [0, 1), scale is relative, shape is 0 cube, 1 cylinder, 2 sphere,
#: 3 capsule, and orientation is the camera's azimuth in degrees.
SHAPES3D_FACTORS = FactorSpace(
    names=["floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation"],
    sizes=[10, 10, 10, 8, 4, 15],
    values=[_HUES, _HUES, _HUES, np.linspace(0.75, 1.25, 8).tolist(), range(4), np.linspace(-30, 30, 15).tolist()],
)

#: What the values of a factor are called, where they are no numbers.
SHAPES3D_VALUE_NAMES = {"shape": ("cube", "cylinder", "sphere", "capsule")}
