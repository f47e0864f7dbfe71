"""The factors of dSprites (Matthey et al. 2017), shared by the public file and its rendered twin."""

from math import pi

import numpy as np

from lr_lightning.data.factor_space import FactorSpace

_POSITIONS = np.linspace(0, 1, 32).tolist()

#: 737,280 combinations. Shape is 1 square, 2 ellipse, 3 heart; scale is relative; orientation is in radians, where the
#: first and the last value are the same angle; positions are in [0, 1], to the right and down.
DSPRITES_FACTORS = FactorSpace(
    names=["color", "shape", "scale", "orientation", "posX", "posY"],
    sizes=[1, 3, 6, 40, 32, 32],
    values=[
        [1.0],
        [1.0, 2.0, 3.0],
        np.linspace(0.5, 1, 6).tolist(),
        np.linspace(0, 2 * pi, 40).tolist(),
        _POSITIONS,
        _POSITIONS,
    ],
)

#: What the values of a factor are called, where they are no numbers.
DSPRITES_VALUE_NAMES = {"shape": ("square", "ellipse", "heart")}
