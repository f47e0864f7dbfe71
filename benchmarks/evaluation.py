"""Evaluation: all scores at the study's sizes, encoding all of dSprites, assays against the authors' algorithm.

OMP_NUM_THREADS=2 python benchmarks/evaluation.py
"""

import time
import warnings
from collections.abc import Callable

import torch
from conditioned_response import compare_conditioned_matrices, make_traversals
from disentanglement_suite import code_table
from measuring import Cell, Group, Table, Target, benchmark_parser, deliver, interleaved, peak_memory, ratio
from plain_vae import Items, PlainVAE, burgess_layers
from response_matrix import Comparison, compare_response_matrices
from torch import Tensor
from torch.utils.data import DataLoader

from lr_lightning.data import FactorDataModule, FactorDataset, RenderedDSprites
from lr_lightning.data.dataset import as_float
from lr_lightning.metrics import DisentanglementSuite
from lr_lightning.models import BetaVAE
from lr_lightning.networks import Conv64Burgess

OURS, OURS_TESTED = "lr-lightning predict", "lr-lightning test"


def scores(quick: bool) -> Table:
    """Return the time of each metric of ``default``; intermediate results are shared between metrics."""
    import lightgbm  # noqa: F401  (imported early, so as not to count as memory of the suite)
    import sklearn.linear_model  # noqa: F401

    codes, factors, log_variances = code_table()
    suite = DisentanglementSuite(["fast"] if quick else ["default"])
    megabytes: list[float] = []
    with warnings.catch_warnings(), peak_memory(megabytes):
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        table = suite.run(codes, factors, log_variances)
        seconds = time.perf_counter() - start
    seconds_of = {row.name: row.seconds for row in table.rows}
    each = [(name, seconds_of[next(iter(result.scores))]) for name, result in table.results.items()]
    slowest = sorted(each, key=lambda pair: -pair[1])
    rows: list[list[Cell]] = [[metric, taken] for metric, taken in slowest[:8]]
    rows += [["the others", sum(taken for _, taken in slowest[8:])], ["all", seconds]]
    note = (
        f"{len(table.results)} metrics, {len(table.rows)} scores, on a table of {len(codes):,} codes; 10,000 "
        f"training rows and 5,000 test rows, as in the study. Peak memory: {megabytes[0]:,.0f} MB above the table."
    )
    return Table("Scores", ["metric", "seconds"], rows, note)


def encoding(dataset: FactorDataset, num_images: int, rounds: int) -> tuple[Table, list[Target]]:
    """Return the time to encode and to test ``dataset`` as ``lr-lightning`` does and in plain loops, and the goals."""
    images = dataset.images(torch.arange(num_images))
    model = BetaVAE(Conv64Burgess(10, 1)).eval()
    data = FactorDataModule(dataset, val_size=num_images)
    data.setup("test")
    data.test_indices = torch.arange(num_images)
    plain = PlainVAE(*burgess_layers(), beta=4.0, images=True).eval()
    plain.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def ours() -> Tensor:
        batches = (data.on_after_batch_transfer(batch, 0) for batch in data.test_dataloader())
        codes = [model.predict_step(batch, 0)["codes"] for batch in batches]
        return torch.cat([batch for batch in codes if batch is not None])

    @torch.inference_mode()
    def items() -> Tensor:
        return torch.cat([plain.encoder(batch)[:, :10] for batch in DataLoader(Items(images), 256)])

    @torch.inference_mode()
    def ours_tested() -> list[Tensor]:
        images = (as_float(batch.images) for batch in data.test_dataloader())
        return [model.objective(batch, torch.Generator().manual_seed(0)).loss for batch in images]

    @torch.inference_mode()
    def encoded_at_once() -> Tensor:
        return torch.cat([plain.encoder(as_float(dataset.images(part)))[:, :10] for part in parts])

    @torch.inference_mode()
    def tested_at_once() -> list[Tensor]:
        return [plain(as_float(dataset.images(part))) for part in parts]

    parts = torch.split(torch.arange(num_images), 256)
    ways: dict[str, Callable[[], object]] = {
        OURS: ours,
        "plain encoder, a pass per batch": encoded_at_once,
        "DataLoader of single images": items,
        OURS_TESTED: ours_tested,
        "plain encoder, decoder and loss, a pass per batch": tested_at_once,
    }
    seconds, _ = interleaved(ways, rounds)
    whole = len(dataset) / num_images
    rows: list[list[Cell]] = [
        [name, spread.inverse(num_images), spread.scaled(whole)] for name, spread in seconds.items()
    ]
    note = (
        f"Measured on {num_images:,} images in batches of 256, float32, channels-last weights; the last column is that "
        f"time multiplied by {whole:.0f}."
    )
    table = Table("Evaluating all of dSprites", ["", "images/s", f"s for {len(dataset):,} images"], rows, note)
    pairs = {OURS: "plain encoder, a pass per batch", OURS_TESTED: "plain encoder, decoder and loss, a pass per batch"}
    targets = [
        Target(f"images/s, {name} / {other}", ratio(seconds[other], seconds[name]).median, 2.0)
        for name, other in pairs.items()
    ]
    return table, targets


def authors(quick: bool) -> tuple[Table, list[Target]]:
    """Compare assays with the published algorithm: one latent at a time, recomputing h(base) for each.

    Returns:
        The times of both, and the goal of taking less time.
    """
    samples, rounds = (16, 1) if quick else (64, 3)
    found: dict[str, Comparison] = {
        f"response matrix, {dim} latents, {samples} codes": compare_response_matrices(dim, samples, rounds)
        for dim in ((10,) if quick else (10, 24, 64))
    }
    factors, traversals = (2, 2) if quick else (5, 10)
    codes = make_traversals(factors, 10, traversals, 10, ideal=False)
    name = f"conditioned response matrix, {factors} factors, {traversals} traversals, 8 samples, 10 latents"
    found[name] = compare_conditioned_matrices(codes, 8, rounds)
    rows: list[list[Cell]] = [
        [
            name,
            one.seconds["plain"],
            one.seconds["batched"],
            one.time_ratio,
            one.samples["batched"] / one.samples["plain"],
        ]
        for name, one in found.items()
    ]
    columns = [
        "assay",
        "s, published algorithm",
        "s, lr_lightning",
        "time ratio",
        "sample ratio",
    ]
    note = "Both compute the same matrix, which is checked. Samples are those decoded and encoded."
    targets = [
        Target(f"time, {name} / published algorithm", one.time_ratio.median, 1.0, at_least=False)
        for name, one in found.items()
    ]
    return Table("Assays compared with the published algorithm", columns, rows, note), targets


def main() -> None:
    """Measure all three."""
    options = benchmark_parser(__doc__).parse_args()
    dataset = RenderedDSprites()
    compared, targets = authors(options.quick)
    whole, goals = encoding(dataset, 1024 if options.quick else 16_384, rounds=1 if options.quick else 5)
    deliver(Group("Evaluation", [scores(options.quick), whole, compared], goals + targets), options)


if __name__ == "__main__":
    main()
