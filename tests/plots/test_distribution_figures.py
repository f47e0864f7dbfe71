"""Figures of samples, discrepancies, consistency and topology."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lr_lightning.assays import wrap
from lr_lightning.assays.consistency import Consistency, consistency
from lr_lightning.assays.factor_topology import FactorTopology, factor_topology
from lr_lightning.assays.latent_sampling import DecodedSamples
from lr_lightning.assays.prior_gap import prior_gap
from lr_lightning.assays.structure_score import StructureScore, structure_score
from lr_lightning.plots.consistency import equivariance_figure, invariance_figure, self_consistency_figure
from lr_lightning.plots.discrepancies import prior_gap_figure, structure_score_figure
from lr_lightning.plots.factor_topology import factor_topology_figure
from lr_lightning.plots.samples import decoded_samples_figure


def draw(figure: Figure) -> list[Axes]:
    """Render the figure, which runs its layout, and return its axes."""
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return figure.axes


def heights(axes: Axes) -> list[float]:
    return [bar.get_height() for bar in axes.patches if isinstance(bar, Rectangle)]


def normal(count: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def shrinking(dim: int, factor: float = 0.5) -> Consistency:
    return consistency(wrap(encode=lambda x: x, decode=lambda z: factor * z, latent_dim=dim), normal(40, dim))


@pytest.mark.parametrize(("count", "shape"), [(36, (6, 6)), (10, (3, 3)), (1, (1, 1))])
def test_samples_are_three_square_grids(count: int, shape: tuple[int, int]) -> None:
    levels = torch.tensor([0.2, 0.5, 0.9])[:, None, None, None, None].expand(3, count, 1, 4, 4)
    axes = draw(decoded_samples_figure(DecodedSamples(torch.zeros(3, count, 2), levels)))
    assert [ax.get_title().split("\n")[0] for ax in axes] == ["prior", "aggregate posterior", "hybrid"]
    for ax, level in zip(axes, (0.2, 0.5, 0.9), strict=True):
        pixels = np.asarray(ax.images[0].get_array())
        assert pixels.shape == (shape[0] * 6 + 2, shape[1] * 6 + 2, 3)  # 2 pixels between images of 4
        assert int(np.isclose(pixels, level).sum()) == shape[0] * shape[1] * 16 * 3


def test_samples_reject_what_is_no_image() -> None:
    with pytest.raises(ValueError, match=r"\(3, S, C, H, W\) with 1 or 3 channels, got \(3, 5, 3\)"):
        decoded_samples_figure(DecodedSamples(torch.zeros(3, 5, 2), torch.zeros(3, 5, 3)))


def score_of(factor: float, num_permutations: int = 50) -> StructureScore:
    model = wrap(encode=lambda x: x, decode=lambda z: factor * z, latent_dim=2)
    return structure_score(model, normal(40, 2, 7), num_permutations=num_permutations)


def test_structure_bars() -> None:
    score = score_of(0.3)
    (axes,) = draw(structure_score_figure(score))
    pairs = list(score.pairs.values())
    assert heights(axes) == [float(pair.squared) for pair in pairs]
    (bars,) = (artist for artist in axes.containers if isinstance(artist, ErrorbarContainer))
    ends = bars.lines[2][0].get_segments()
    np.testing.assert_allclose(
        [(high - low) / 2 for (_, low), (_, high) in ends], [float(pair.standard_error) for pair in pairs]
    )
    dashed = [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == "--"]  # type: ignore[index]
    assert dashed == [float(pair.null.quantile(0.95)) for pair in pairs]
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert [name.split("\n")[0] for name in names] == ["prior and h(prior)", "prior and q", "q and h(prior)"]
    assert "40 samples each" in axes.get_title()


def test_structure_without_null_or_with_undefined_pairs() -> None:
    (axes,) = draw(structure_score_figure(score_of(0.3, num_permutations=0)))
    assert axes.get_legend() is None
    with pytest.warns(UserWarning, match="not finite"):
        undefined = score_of(math.nan)
    (axes,) = draw(structure_score_figure(undefined))
    assert np.isfinite(heights(axes)).tolist() == [False, True, False]


def test_prior_gap_bars() -> None:
    gap = prior_gap(normal(50, 3) * torch.tensor([1.0, 2.0, 0.1]))
    figure = prior_gap_figure(gap)
    upper, lower = draw(figure)
    assert heights(upper) == gap.wasserstein.tolist()
    assert heights(lower) == gap.kolmogorov_smirnov.tolist()
    assert upper.lines[0].get_ydata()[0] == gap.wasserstein_noise  # type: ignore[index]
    assert lower.lines[0].get_ydata()[0] == gap.kolmogorov_smirnov_noise  # type: ignore[index]
    assert "latent units" in upper.get_ylabel()
    assert f"{float(gap.discrepancy.squared):.4f}" in figure.get_suptitle()


def test_invariance_color_scale() -> None:
    for dim, factor, limits in ((3, 0.5, (0, 1)), (1, 0.5, (0, 1)), (3, 3.0, (-2, 2))):  # for one latent, INV is 0.5
        figure = invariance_figure(shrinking(dim, factor))
        (mesh,) = (artist for artist in draw(figure)[0].collections if isinstance(artist, QuadMesh))
        assert mesh.get_clim() == pytest.approx(limits, abs=1e-5)
        assert (figure.axes[0].get_ylabel(), figure.axes[0].get_xlabel()) == (
            "intervened latent",
            "responding latent",
        )


def test_equivariance_bars() -> None:
    model = wrap(encode=lambda x: x, decode=lambda z: 0.5 * z, latent_dim=4)
    result = consistency(model, normal(40, 4), latents=[3, 1])
    (axes,) = draw(equivariance_figure(result))
    assert heights(axes) == result.equivariance.tolist()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["3", "1"]


def test_least_consistent_latents_are_labeled() -> None:
    scales = torch.linspace(0.05, 0.95, 10)
    model = wrap(encode=lambda x: x, decode=lambda z: z * scales, latent_dim=10)
    result = consistency(model, normal(200, 10), num_steps=3)
    figure = self_consistency_figure(result, max_latents=3)
    (axes,) = draw(figure)
    (legend,) = figure.legends
    least = sorted(result.self_consistency_per_latent[-1].argsort()[:3].tolist())
    named = [text.get_text() for text in legend.get_texts()]
    assert sorted(named) == sorted(["all latents", *(f"latent {latent}" for latent in least)])
    curves = {line.get_label(): line.get_ydata() for line in axes.lines}
    np.testing.assert_allclose(
        np.asarray(curves[f"latent {least[0]}"], float), result.self_consistency_per_latent[:, least[0]].numpy()
    )
    assert sum(line.get_color() == "#BBBBBB" for line in axes.lines) == 7


@pytest.fixture
def topology() -> FactorTopology:
    """A circle, a factor with two values, one with a single value."""
    angles = torch.arange(6) * (2 * math.pi / 6)
    circle = torch.stack([angles.cos(), angles.sin()], dim=1).repeat(3, 1, 1)
    return factor_topology([circle, circle[:, :2], circle[:, :1]])


def test_topology_frames_the_best_template(topology: FactorTopology) -> None:
    figure = factor_topology_figure(topology, ["hue", "side", "world"])
    axes = draw(figure)[:8]  # two factors with two values or more, four panels each
    assert axes[0].get_ylabel() == "hue\n(6 values)"
    assert axes[4].get_ylabel() == "side\n(2 values)"
    shown = axes[0].collections[0].get_array()
    assert shown is not None
    np.testing.assert_allclose(np.asarray(shown).reshape(6, 6), topology.distances[0].numpy())
    titles = [ax.get_title() for ax in axes]
    assert titles[3] == "periodic\n1.000 ± 0.000"
    assert titles[5] == "categorical\nno fit"
    framed = [ax.spines["left"].get_visible() for ax in axes]
    assert framed == [False, False, False, True, False, False, False, False]


def test_topology_has_the_names_of_the_result(topology: FactorTopology) -> None:
    named = replace(topology, factor_names=("hue", "side", "world"))
    for result, names, label in ((named, None, "hue"), (named, ["h", "s", "w"], "h"), (topology, None, "0")):
        assert draw(factor_topology_figure(result, names))[0].get_ylabel() == f"{label}\n(6 values)"


def test_topology_rejects(topology: FactorTopology) -> None:
    with pytest.raises(ValueError, match=r"factor_names .*got \['hue'\]"):
        factor_topology_figure(topology, ["hue"])
    with pytest.raises(ValueError, match=r"result .*got"):
        factor_topology_figure(factor_topology([torch.zeros(2, 1, 3)]))
