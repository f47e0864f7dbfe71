"""Models of torchvision as encoders: sizes, weights from files, and what cannot work."""

import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.ops import StochasticDepth

from lr_lightning.networks import ResidualConv, TorchvisionEncoder
from lr_lightning.networks.pretrained import without_pretrained_weights
from lr_lightning.networks.torchvision_encoder import Backbone

SMALL: dict[str, Any] = {
    "latent_dim": 3,
    "image_size": 32,
    "backbone": "shufflenet_v2_x0_5",
    "widths": [8],
    "hidden_units": [8],
}
LOADABLE = [
    "densenet121",
    "efficientnet_b0",
    "mnasnet0_5",
    "mobilenet_v3_small",
    "regnet_y_400mf",
    "resnet18",
    "swin_t",
]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail on any attempt to open a connection."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file of random weights of the small backbone, with batch statistics that are not the initial ones."""
    torch.save(random_state(SMALL["backbone"]), tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


def random_state(backbone: str) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = models.get_model(backbone, weights=None).state_dict()
    return {
        name: value if value.dtype == torch.long else torch.rand(value.shape, generator=generator)
        for name, value in state.items()
    }


def make(seed: int = 0, **options: Any) -> TorchvisionEncoder:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return TorchvisionEncoder(**(SMALL | options))


def backbone_of(network: TorchvisionEncoder) -> nn.Module:
    assert isinstance(network.encoder, Backbone)
    return network.encoder.model


@pytest.mark.parametrize(("variational", "outputs"), [(True, 20), (False, 10)])
def test_number_of_parameters(variational: bool, outputs: int) -> None:
    network = TorchvisionEncoder(variational=variational)
    # 11,689,512 parameters of torchvision's resnet18, of which 513,000 are its last layer's.
    assert sum(p.numel() for p in network.encoder.parameters()) == 11_689_512 - 513_000 + 513 * outputs
    same = ResidualConv(variational=variational).decoder
    assert [p.shape for p in network.decoder.parameters()] == [p.shape for p in same.parameters()]


@pytest.mark.parametrize("variational", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("image_size", [32, 64, (48, 80), 128, 256])
def test_maps_images_to_codes_and_back(image_size: int | tuple[int, int], channels: int, variational: bool) -> None:
    network = make(image_size=image_size, channels=channels, variational=variational)
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    images = torch.rand(2, channels, height, width)
    assert network.codes(images).shape == (2, 6 if variational else 3)
    assert network.decode(torch.zeros(2, 3)).shape == images.shape
    assert (network.latent_dim, network.observation_shape) == (3, (channels, height, width))
    assert network.variational is variational


@pytest.mark.parametrize("backbone", LOADABLE)
@pytest.mark.parametrize("normalize", [True, False])
def test_features_are_those_of_the_file(backbone: str, normalize: bool, tmp_path: Path) -> None:
    """The encoder is torchvision's own model with the file's weights, up to the last layer."""
    state = models.get_model(backbone, weights=None).state_dict()
    torch.save(state, tmp_path / "weights.pth")
    network = make(backbone=backbone, weights=tmp_path / "weights.pth", normalize=normalize).eval()
    reference = models.get_model(backbone, weights=None).eval()
    reference.load_state_dict(state)
    head = [name for name, layer in reference.named_modules() if isinstance(layer, nn.Linear)][-1]
    reference.set_submodule(head, backbone_of(network).get_submodule(head))
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    preset = models.get_model_weights(backbone).DEFAULT.transforms()
    inputs = (images - torch.tensor(preset.mean)[:, None, None]) / torch.tensor(preset.std)[:, None, None]
    with torch.no_grad():
        torch.testing.assert_close(network.codes(images), reference(inputs if normalize else images))


def test_standardizes_with_weights_only_by_default(weights: Path) -> None:
    assert [make(**options).encoder.normalize for options in ({}, {"weights": weights}, {"normalize": True})] == [
        False,
        True,
        True,
    ]
    with without_pretrained_weights():
        assert make(weights=weights).encoder.normalize


def test_repeats_gray_images() -> None:
    gray, color = make(channels=1).eval(), make(channels=3).eval()
    images = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(gray.codes(images), color.codes(images.repeat(1, 3, 1, 1)))


@pytest.mark.parametrize("backbone", ["efficientnet_b0", "swin_t", "googlenet"])
def test_training_draws_no_random_numbers(backbone: str) -> None:
    network = make(backbone=backbone)
    assert network.training
    assert not any(layer.p for layer in network.modules() if isinstance(layer, nn.Dropout | StochasticDepth))
    state = torch.get_rng_state()
    codes = network.codes(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert isinstance(codes, Tensor)  # googlenet's auxiliary heads would add two more
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("backbone", ["resnet18", "swin_t"])
def test_codes_start_at_unit_scale(backbone: str) -> None:
    images = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    codes = make(backbone=backbone).codes(images)
    assert 0.1 < codes.std() < 4


def test_frozen_backbone_stays_as_it_is(weights: Path) -> None:
    network = make(weights=weights, freeze=True).train()
    trained = {name for name, p in network.encoder.named_parameters() if p.requires_grad}
    assert trained == {"model.fc.weight", "model.fc.bias"}
    before = {name: value.clone() for name, value in backbone_of(network).state_dict().items()}
    network.codes(torch.rand(4, 3, 32, 32)).sum().backward()  # type: ignore[no-untyped-call]
    assert all(torch.equal(value, before[name]) for name, value in backbone_of(network).state_dict().items())
    assert all(p.grad is not None for p in network.encoder.parameters() if p.requires_grad)


def test_learns_batch_statistics_unless_frozen() -> None:
    network = make()
    network.codes(torch.rand(4, 3, 32, 32))
    counts = [value for name, value in network.state_dict().items() if name.endswith("num_batches_tracked")]
    assert counts
    assert all(count == 1 for count in counts)


def test_construction_leaves_batch_statistics_and_mode() -> None:
    network = make()
    assert all(module.training for module in network.modules())
    assert not any(v.any() for name, v in network.state_dict().items() if name.endswith("num_batches_tracked"))


@pytest.mark.parametrize("name", ["DEFAULT", "IMAGENET1K_V1", "ResNet18_Weights.DEFAULT"])
def test_downloads_nothing(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FileNotFoundError, match=rf"weights.*resnet18.*{name}.*python -c.*weights='DEFAULT'"):
        make(backbone="resnet18", weights=Path(name))
    assert not list(Path().iterdir())
    with without_pretrained_weights():
        make(backbone="resnet18", weights=Path(name))


def test_last_layer_of_the_file_is_ignored(tmp_path: Path) -> None:
    state = random_state("shufflenet_v2_x0_5") | {"fc.weight": torch.zeros(7, 1024), "fc.bias": torch.zeros(7)}
    torch.save(state, tmp_path / "fine_tuned.pth")
    assert backbone_of(make(weights=tmp_path / "fine_tuned.pth")).get_submodule("fc").out_features == 6


def test_auxiliary_heads_of_the_file_are_ignored(tmp_path: Path) -> None:
    with pytest.warns(FutureWarning):
        state = models.get_model("googlenet", weights=None).state_dict()
    assert any(name.startswith("aux1") for name in state)
    torch.save(state, tmp_path / "weights.pth")
    network = make(backbone="googlenet", weights=tmp_path / "weights.pth")
    assert torch.equal(backbone_of(network).state_dict()["conv1.conv.weight"], state["conv1.conv.weight"])
    assert vars(backbone_of(network))["transform_input"]


def damaged(state: dict[str, Tensor], kind: str) -> Any:
    """Return what a wrong file contains."""
    if kind == "module":
        return {"module": nn.Linear(2, 2)}
    if kind == "nested":
        return {"state_dict": state}
    if kind == "missing":
        return {name: value for name, value in state.items() if name != "conv1.0.weight"}
    if kind == "shape":
        return state | {"conv1.0.weight": torch.zeros(24, 1, 3, 3)}
    if kind == "other":
        return random_state("mobilenet_v3_small")
    return state | {"more": torch.zeros(1)}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("module", "cannot be read"),
        ("nested", "state dict"),
        ("missing", r"conv1\.0\.weight missing"),
        ("unexpected", r"more unexpected"),
        ("other", r"and \d+ more missing.*and \d+ more unexpected"),
        ("shape", r"conv1\.0\.weight.*\(24, 1, 3, 3\).*\(24, 3, 3, 3\)"),
    ],
)
def test_rejects_files_that_do_not_fit(kind: str, message: str, tmp_path: Path) -> None:
    torch.save(damaged(random_state("shufflenet_v2_x0_5"), kind), tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=rf"weights .*weights\.pth.*{message}"):
        make(weights=tmp_path / "weights.pth")


def test_rejects_a_file_that_is_damaged(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"weights .*weights\.pth cannot be read"):
        make(weights=weights)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": "ResNet-18"}, r"backbone.*'ResNet-18'.*resnet18"),
        ({"backbone": "raft_large"}, r"backbone.*'raft_large'"),  # in torchvision, but no classifier
        ({"backbone": "zzz"}, r"backbone.*'zzz'.*list_models"),
        ({"backbone": "squeezenet1_1"}, r"squeezenet1_1.*linear"),
        ({"backbone": "inception_v3"}, r"inception_v3.*32 x 32"),
        ({"backbone": "alexnet", "image_size": (32, 48)}, r"alexnet.*32 x 48"),
        ({"channels": 2}, r"channels.*\b2\b"),
        ({"freeze": True}, r"freeze.*weights"),
        ({"image_size": 40}, r"image_size.*\b40\b"),
        ({"widths": [12]}, r"widths.*\[12\]"),
    ],
)
def test_rejects_what_cannot_work(options: dict[str, Any], message: str) -> None:
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match=message):
        make(**options)
    assert torch.equal(torch.get_rng_state(), state)


def test_rejects_images_of_another_size() -> None:
    with pytest.raises(ValueError, match=r"TorchvisionEncoder .*\(3, 32, 32\).*image_size to \[48, 32\]"):
        make().codes(torch.zeros(2, 3, 48, 32))
