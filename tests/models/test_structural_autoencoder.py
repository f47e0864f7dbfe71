"""The structural autoencoder is trained on the reconstruction alone and sampled by hybridization."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lr_lightning.assays import Autoencoder as AssayedAutoencoder
from lr_lightning.assays import hybrid_samples
from lr_lightning.data import FactorDataset
from lr_lightning.models import StructuralAutoencoder
from lr_lightning.networks import MLP, GroupedNetwork, StructuralConv64
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer, weights


def make(num_groups: int = 3) -> StructuralAutoencoder:
    """Return a model for images (3, 64, 64) with the same weights each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return StructuralAutoencoder(StructuralConv64(6, num_groups))


def make_small(seed: int = 0) -> StructuralAutoencoder:
    """Return a model for images (3, 8, 8)."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        parts = MLP(4, (3, 8, 8), widths=(16,), variational=False)
        network = GroupedNetwork(parts.encoder, parts.decoder, 4, 2, (3, 8, 8), variational=False)
        return StructuralAutoencoder(network, optimizer=lambda p: torch.optim.Adam(p, lr=1e-2))


@pytest.fixture
def images() -> Tensor:
    return torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_objective_is_the_reconstruction_alone(images: Tensor) -> None:
    model = make()
    codes = model.network.encoder(images)
    expected = F.binary_cross_entropy_with_logits(model.network.decoder(codes), images, reduction="sum") / 3
    generator = torch.Generator().manual_seed(0)
    state = generator.get_state()
    objective = model.objective(images, generator)
    # Relative, for sums of 36,864 float32 terms.
    torch.testing.assert_close(objective.loss, expected, rtol=1e-5, atol=0)
    assert objective.terms == {"reconstruction": objective.loss}
    assert torch.equal(objective.codes, codes)
    assert torch.equal(generator.get_state(), state)


def test_every_parameter_is_trained(images: Tensor) -> None:
    model = make()
    model.objective(images, torch.Generator()).loss.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.any() for p in model.network.parameters())


def test_loss_falls(images: Tensor) -> None:
    model = make()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = model.objective(images, torch.Generator()).loss
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 20  # nats of some 8,600; the images are noise


def test_hybrids_of_its_codes_decode_to_images(images: Tensor) -> None:
    model = make()
    assert isinstance(model, AssayedAutoencoder)
    codes = model.encode(images).detach()
    hybrids = hybrid_samples(codes, torch.Generator().manual_seed(3))
    assert torch.equal(hybrids.sort(dim=0).values, codes.sort(dim=0).values)
    assert not torch.equal(hybrids, codes)
    decoded = model.decode(hybrids)
    assert decoded.shape == images.shape
    assert ((decoded >= 0) & (decoded <= 1)).all()


def test_codes_and_loss_are_float32_under_mixed_precision(images: Tensor) -> None:
    model = make()
    with torch.autocast("cpu", torch.bfloat16):
        objective = model.objective(images, torch.Generator())
        decoded = model.decode(model.encode(images))
    assert {x.dtype for x in (objective.loss, objective.codes, decoded)} == {torch.float32}


def test_training_goes_on_after_a_resume_as_without_one(tmp_path: Path, bars: FactorDataset) -> None:
    whole, half, rest = make_small(), make_small(), make_small(seed=1)
    tiny_trainer(tmp_path, max_epochs=4, limit_val_batches=0).fit(whole, datamodule=tiny_data(bars))
    trainer = tiny_trainer(tmp_path, max_epochs=2, limit_val_batches=0)
    trainer.fit(half, datamodule=tiny_data(bars))
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    trainer = tiny_trainer(tmp_path, max_epochs=4, limit_val_batches=0)
    trainer.fit(rest, datamodule=tiny_data(bars), ckpt_path=tmp_path / "half.ckpt")
    assert torch.equal(weights(rest), weights(whole))
    loaded = StructuralAutoencoder.load_from_checkpoint(tmp_path / "half.ckpt", network=make_small(seed=1).network)
    assert torch.equal(weights(loaded), weights(half))


def test_rejects_a_network_without_groups() -> None:
    with pytest.raises(TypeError, match=r"StructuralAutoencoder.*MLP"):
        StructuralAutoencoder(MLP(variational=False))  # type: ignore[arg-type]


def test_rejects_a_variational_network() -> None:
    with pytest.raises(ValueError, match=r"StructuralAutoencoder.*variational=False"):
        StructuralAutoencoder(StructuralConv64(variational=True))
