"""Figures of the idempotence curve, attractors and noise recovery."""

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from lr_lightning.assays.attractors import Attractors, find_attractors
from lr_lightning.assays.idempotence import idempotence_curve
from lr_lightning.assays.memorization import memorization
from lr_lightning.assays.noise_recovery import noise_recovery
from lr_lightning.plots.attractors import attractors_figure
from lr_lightning.plots.idempotence import idempotence_figure
from lr_lightning.plots.noise_recovery import noise_recovery_figure
from tests.assays.models import responding_by


def draw(figure: Figure) -> list[Axes]:
    """Render the figure, which runs its layout, and return its axes."""
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return figure.axes


def line(axes: Axes, label: str) -> np.ndarray:
    """Return the heights of the labeled line."""
    (found,) = (drawn for drawn in axes.lines if drawn.get_label() == label)
    return np.asarray(found.get_ydata(), dtype=float)


@pytest.fixture
def starts() -> Tensor:
    return torch.randn(1200, 3, generator=torch.Generator().manual_seed(0))


def test_idempotence_curve(starts: Tensor) -> None:
    rates = torch.tensor([0.5, 0.1, 0.0])
    curve = idempotence_curve(responding_by(lambda z: rates * z, 3), starts)
    (axes,) = draw(idempotence_figure(curve))
    assert axes.get_yscale() == "log"
    np.testing.assert_allclose(line(axes, "mean length"), curve.total)
    np.testing.assert_allclose(line(axes, "longest step"), curve.largest)
    np.testing.assert_allclose(line(axes, "each of 3 latents (mean)"), curve.latents[:, 0])
    assert axes.get_title().endswith("1,200 starts")
    assert axes.get_ylabel().endswith("[latent units]")
    scaled = idempotence_curve(responding_by(lambda z: rates * z, 3), starts, scale=torch.ones(3))
    assert draw(idempotence_figure(scaled))[0].get_ylabel().endswith("[multiples of scale]")


@pytest.mark.parametrize("num_starts", [1, 20])
def test_steps_of_zero_are_omitted(starts: Tensor, num_starts: int) -> None:
    projected = idempotence_curve(responding_by(torch.sign, 3), starts[:num_starts])
    (axes,) = draw(idempotence_figure(projected))
    assert np.isnan(line(axes, "mean length")).tolist() == [False] + 7 * [True]
    still = idempotence_curve(responding_by(lambda z: z, 3), starts[:num_starts])
    assert draw(idempotence_figure(still))[0].get_yscale() == "linear"


def test_noise_recovery(starts: Tensor) -> None:
    result = noise_recovery(responding_by(torch.tanh, 3), starts, torch.tensor([1.0, 1.0, 0.0]))
    (axes,) = draw(noise_recovery_figure(result))
    (bars,) = axes.containers
    assert bars.get_label() == "all latents jointly"
    data = bars.lines[0]  # type: ignore[attr-defined]
    np.testing.assert_allclose(data.get_xdata(), result.multiples)
    np.testing.assert_allclose(data.get_ydata(), result.ratio)
    np.testing.assert_allclose(line(axes, "each of 3 latents"), result.latents[:, 0])
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0.25", "0.5", "1", "2", "4", "8"]
    assert axes.get_title().endswith("1,200 codes")
    assert axes.get_xlabel().endswith(r"[multiples of $\sigma$]")
    assert axes.get_ylim()[0] == 0


@pytest.fixture
def signs(starts: Tensor) -> Attractors:
    return find_attractors(responding_by(torch.sign, 3), starts)


def test_attractor_images(signs: Attractors, starts: Tensor) -> None:
    images = torch.arange(5.0).view(5, 1, 1, 1).expand(5, 1, 4, 6) / 5
    memorized = memorization(signs.positions, starts)
    figure = attractors_figure(signs, images, memorized)
    axes = [one for one in draw(figure) if one.images]
    assert len(axes) == 5
    for number, one in enumerate(axes):
        shown = one.images[0].get_array()
        assert shown is not None
        np.testing.assert_allclose(shown, np.full((4, 6, 3), number / 5), atol=1e-6)
        share, distance = 100 * float(signs.shares[number]), float(memorized.distances[number])
        assert one.get_title() == f"{share:.1f} %\n$d$ = {distance:.2g}"
    first, second = figure.get_suptitle().split("\n")
    assert first.startswith("Attractors: 8")
    assert first.endswith("1,200 starts, 0 % not converged")
    assert f"{memorized.spacing:.3g}" in second
    assert next(one.get_title() for one in draw(attractors_figure(signs, images)) if one.images).endswith(" %")


def test_pictures_fill_rows_of_eight() -> None:
    many = find_attractors(responding_by(lambda z: z, 1), torch.arange(20.0)[:, None])
    axes = draw(attractors_figure(many, torch.rand(11, 3, 2, 2)))
    assert [bool(one.images) for one in axes] == [True] * 11 + [False] * 5


def test_attractor_bars(signs: Attractors) -> None:
    (axes,) = draw(attractors_figure(signs))
    heights = [bar.get_height() for bar in axes.patches]  # type: ignore[attr-defined]
    assert heights == pytest.approx([*(100 * signs.shares).tolist(), 0])
    assert [text.get_text() for text in axes.get_xticklabels()] == [*map(str, range(8)), "none"]
    assert axes.get_ylabel().endswith("[%]")


def test_bars_without_attractors(starts: Tensor) -> None:
    growing = find_attractors(responding_by(lambda z: torch.where(z > 0, 1e30 * z, -z), 3), starts[:4], max_steps=4)
    assert growing.diverged == 1
    (axes,) = draw(attractors_figure(growing, torch.empty(0, 1, 4, 4)))
    assert axes.get_title().startswith("Attractors: 0")
    assert axes.get_title().endswith("4 starts, 0 % not converged, 100 % diverged")
    assert axes.patches[-1].get_height() == 100  # type: ignore[attr-defined]


def test_rejects(signs: Attractors, starts: Tensor) -> None:
    for images in (torch.zeros(2, 2, 4, 4), torch.zeros(2, 3), torch.zeros(9, 1, 4, 4)):
        with pytest.raises(ValueError, match=r"images .*shape"):
            attractors_figure(signs, images)
    with pytest.raises(ValueError, match=r"memorized .*got 2"):
        attractors_figure(signs, None, memorization(signs.positions[:2], starts))
