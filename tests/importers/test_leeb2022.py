"""The VAE released with the latent-response paper."""

from pathlib import Path

import pytest
import torch

from lr_lightning.importers import Leeb2022Importer
from lr_lightning.networks import Conv64Leeb
from tests.importers.foreign_files import random_weights, released_decoding, released_encoding, released_shapes

IMAGES = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
CODES = torch.randn(4, 3, generator=torch.Generator().manual_seed(2))


def network(path: Path, latent_dim: int = 3, channels: int = 3) -> Conv64Leeb:
    weights = Leeb2022Importer().read(path).weights
    found = Conv64Leeb(latent_dim, channels)
    found.load_state_dict({name.removeprefix("network."): value for name, value in weights.items()})
    return found.eval()


@torch.no_grad()
def test_the_network_computes_what_the_weights_mean_in_their_own_project() -> None:
    weights = random_weights(released_shapes())
    torch.save(weights, "model_a.pt")
    own = network(Path("model_a.pt"))
    means, log_variances = own.posterior_parameters(IMAGES)
    expected, stds = released_encoding(weights, IMAGES)
    # float32 in another order of summation
    torch.testing.assert_close(means, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close((0.5 * log_variances).exp(), stds, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(own.decode(CODES).sigmoid(), released_decoding(weights, CODES), rtol=1e-4, atol=1e-4)


def test_sizes_follow_from_the_weights() -> None:
    torch.save(random_weights(released_shapes(latent_dim=5, channels=1)), "model.pt")
    arguments = Leeb2022Importer().read(Path("model.pt")).config["model"]["init_args"]["network"]["init_args"]
    assert arguments == {"latent_dim": 5, "channels": 1}
    network(Path("model.pt"), 5, 1)


def test_what_is_not_in_the_file_is_stated() -> None:
    torch.save(random_weights(released_shapes()), "model_a.pt")
    model = Leeb2022Importer().read(Path("model_a.pt"))
    assert model.config["model"]["init_args"]["beta"] == 4.0
    assert model.config["model"]["init_args"]["kl"] == "leeb2022"
    assert model.config["trainer"]["max_steps"] == model.step == 100_000
    [note] = model.notes
    assert "beta" in note
    assert "100,000 steps" in note


@pytest.mark.parametrize(
    ("name", "shape", "match"),
    [
        ("encoder.0.conv.weight", (64, 3, 3, 3), r"encoder\.0\.conv\.weight is \(64, 3, 3, 3\)"),
        ("decoder.0.0.weight", (128, 3, 1), r"decoder\.0\.0\.weight"),
        ("encoder.5.5.bias", (3,), r"encoder\.5\.5\.bias is \(3,\), and \(6,\)"),
    ],
)
def test_other_shapes(name: str, shape: tuple[int, ...], match: str) -> None:
    torch.save(random_weights(released_shapes()) | {name: torch.ones(shape)}, "model_a.pt")
    with pytest.raises(ValueError, match=rf"model_a\.pt .*{match}"):
        Leeb2022Importer().read(Path("model_a.pt"))


def test_a_state_dict_of_another_project() -> None:
    torch.save({"weight": torch.ones(2, 2)}, "model_a.pt")
    with pytest.raises(ValueError, match=r"model_a\.pt has another architecture"):
        Leeb2022Importer().read(Path("model_a.pt"))
