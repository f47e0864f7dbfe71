"""Files in the formats of other projects, and their networks, computed from the weights by the names in the files."""

import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

SPECS: dict[str, Any] = {
    "batch_size": 64,
    "betaB_G": 100,
    "betaB_finC": 25,
    "betaB_initC": 0,
    "betaH_B": 4,
    "btcvae_A": 1,
    "btcvae_B": 6.4,
    "btcvae_G": 1,
    "dataset": "dsprites",
    "epochs": 30,
    "factor_G": 6,
    "img_size": [1, 64, 64],
    "latent_dim": 3,
    "loss": "betaH",
    "lr": 5e-4,
    "model_type": "Burgess",
    "rec_dist": "bernoulli",
    "reg_anneal": 10000,
    "seed": 1234,
}

Shapes = dict[str, tuple[int, ...]]


def released_shapes(latent_dim: int = 3, channels: int = 3) -> Shapes:
    """Return the shapes of the weights in the file released with the latent-response paper."""
    shapes: Shapes = {}
    for block in range(5):
        inputs, side = (channels, 5) if block == 0 else (64, 3)
        shapes |= _layer(f"encoder.{block}.conv", 64, inputs, side, side) | _layer(f"encoder.{block}.norm", 64)
    for place, (outputs, inputs) in {1: (256, 256), 3: (128, 256), 5: (2 * latent_dim, 128)}.items():
        shapes |= _layer(f"encoder.5.{place}", outputs, inputs)
    for place, (outputs, inputs) in {0: (128, latent_dim), 2: (256, 128), 4: (256, 256)}.items():
        shapes |= _layer(f"decoder.0.{place}", outputs, inputs)
    for block in range(1, 5):
        shapes |= _layer(f"decoder.{block}.conv", 64, 64, 3, 3) | _layer(f"decoder.{block}.norm", 64)
    return shapes | _layer("decoder.5.conv", channels, 64, 3, 3)


def disentangling_vae_shapes(latent_dim: int = 3) -> Shapes:
    """Return the shapes of the weights of a model of disentangling-vae for dSprites."""
    shapes = _layer("encoder.conv1", 32, 1, 4, 4)
    for name in ("conv2", "conv3", "conv_64"):
        shapes |= _layer(f"encoder.{name}", 32, 32, 4, 4)
    shapes |= _layer("encoder.lin1", 256, 512) | _layer("encoder.lin2", 256, 256)
    shapes |= _layer("encoder.mu_logvar_gen", 2 * latent_dim, 256)
    shapes |= _layer("decoder.lin1", 256, latent_dim) | _layer("decoder.lin2", 256, 256)
    shapes |= _layer("decoder.lin3", 512, 256)
    for name in ("convT_64", "convT1", "convT2"):
        shapes |= _layer(f"decoder.{name}", 32, 32, 4, 4)
    return shapes | {"decoder.convT3.weight": (32, 1, 4, 4), "decoder.convT3.bias": (1,)}


def random_weights(shapes: Shapes) -> dict[str, Tensor]:
    """Return random weights of a size that keeps activations finite; all differ, so that a swap of layers shows."""
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(shape, generator=generator) / max(1, math.prod(shape[1:])) ** 0.5
        for name, shape in shapes.items()
    }


def write_disentangling_vae(folder: Path, weights: dict[str, Tensor] | None = None, **changes: Any) -> Path:
    """Write a model of disentangling-vae as it was saved in 2019, before archives, and return the folder."""
    folder.mkdir(exist_ok=True)
    weights = random_weights(disentangling_vae_shapes()) if weights is None else weights
    torch.save(weights, folder / "model.pt", _use_new_zipfile_serialization=False)
    (folder / "specs.json").write_text(json.dumps(SPECS | changes))
    return folder


def released_encoding(weights: dict[str, Tensor], images: Tensor) -> tuple[Tensor, Tensor]:
    """Return means and standard deviations of the released VAE's posterior."""
    features = images
    for block in range(5):
        features = _apply(F.conv2d, weights, f"encoder.{block}.conv", features, padding=2 if block == 0 else 1)
        features = F.max_pool2d(features, 2)
        features = F.elu(_normalized(weights, f"encoder.{block}.norm", features))
    features = features.flatten(1)
    for place in (1, 3):
        features = F.elu(_apply(F.linear, weights, f"encoder.5.{place}", features))
    means, log_stds = _apply(F.linear, weights, "encoder.5.5", features).chunk(2, dim=1)
    return means, log_stds.exp()


def released_decoding(weights: dict[str, Tensor], codes: Tensor) -> Tensor:
    """Return the images of the released VAE."""
    features = F.elu(_apply(F.linear, weights, "decoder.0.0", codes))
    features = F.elu(_apply(F.linear, weights, "decoder.0.2", features))
    features = _apply(F.linear, weights, "decoder.0.4", features).view(-1, 64, 2, 2)
    for block in range(1, 6):
        features = F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
        features = _apply(F.conv2d, weights, f"decoder.{block}.conv", features, padding=1)
        if block < 5:
            features = F.elu(_normalized(weights, f"decoder.{block}.norm", features))
    return features.sigmoid()


def disentangling_vae_encoding(weights: dict[str, Tensor], images: Tensor) -> tuple[Tensor, Tensor]:
    """Return means and log-variances; the last layer of these models has both of a latent side by side."""
    features = images
    for name in ("conv1", "conv2", "conv3", "conv_64"):
        features = _apply(F.conv2d, weights, f"encoder.{name}", features, stride=2, padding=1).relu()
    features = features.flatten(1)
    for name in ("lin1", "lin2"):
        features = _apply(F.linear, weights, f"encoder.{name}", features).relu()
    pairs = _apply(F.linear, weights, "encoder.mu_logvar_gen", features)
    return pairs[:, 0::2], pairs[:, 1::2]


def disentangling_vae_decoding(weights: dict[str, Tensor], codes: Tensor) -> Tensor:
    """Return the images of a model of disentangling-vae."""
    features = codes
    for name in ("lin1", "lin2", "lin3"):
        features = _apply(F.linear, weights, f"decoder.{name}", features).relu()
    features = features.view(-1, 32, 4, 4)
    for name in ("convT_64", "convT1", "convT2"):
        features = _apply(F.conv_transpose2d, weights, f"decoder.{name}", features, stride=2, padding=1).relu()
    return _apply(F.conv_transpose2d, weights, "decoder.convT3", features, stride=2, padding=1).sigmoid()


def _layer(name: str, outputs: int, *rest: int) -> Shapes:
    return {f"{name}.weight": (outputs, *rest), f"{name}.bias": (outputs,)}


def _apply(function: Any, weights: dict[str, Tensor], name: str, inputs: Tensor, **options: Any) -> Tensor:
    result: Tensor = function(inputs, weights[f"{name}.weight"], weights[f"{name}.bias"], **options)
    return result


def _normalized(weights: dict[str, Tensor], name: str, features: Tensor) -> Tensor:
    return F.group_norm(features, 8, weights[f"{name}.weight"], weights[f"{name}.bias"])
