"""Models can be trained together if their class, weights and updates per batch are the same."""

import pickle

import pytest
import torch

from lr_lightning.models import VAE, BetaVAE
from lr_lightning.models.architecture import Architecture, check_alike
from lr_lightning.networks import MLP


def vae(width: int = 16, kind: type[VAE] = BetaVAE, updates: int = 1, depth: int = 1) -> VAE:
    return kind(MLP(3, (1, 4, 4), widths=(width,) * depth), updates_per_batch=updates)


def test_values_of_weights_and_objectives_do_not_count() -> None:
    first, second = BetaVAE(MLP(3, (1, 4, 4), widths=(16,)), beta=2), vae()
    assert Architecture.of(first) == Architecture.of(second)
    assert pickle.loads(pickle.dumps(Architecture.of(first))) == Architecture.of(second)
    check_alike([first, second, vae()], ["a", "b", "c"])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (vae(kind=VAE), r"a and c.*class.*BetaVAE and .*VAE"),
        (vae(updates=4), r"a and c.*updates_per_batch, 1 and 4"),
        (vae(width=17), r"a and c.*weights.*16.*17"),
        (vae(depth=2), r"a and c.*weights"),
        (vae().double(), r"a and c.*weights.*float32.*float64"),
    ],
    ids=["class", "updates", "width", "depth", "dtype"],
)
def test_what_must_be_the_same(other: VAE, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_alike([vae(), vae(), other], ["a", "b", "c"])


def test_fewer_weights_are_a_difference_too() -> None:
    more = vae()
    more.register_buffer("extra", torch.zeros(2))
    for pair in ([vae(), more], [more, vae()]):
        with pytest.raises(ValueError, match=r"a and b.*their weights.*extra"):
            check_alike(pair, ["a", "b"])
