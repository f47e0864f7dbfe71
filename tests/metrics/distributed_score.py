"""Run by ``test_base`` as one of two processes: scores with every second row, then with all rows in one of them."""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from lr_lightning.metrics.core.sample import Sampling
from lr_lightning.metrics.suite import DisentanglementSuite
from tests.metrics.cases import batches, reference_case

METRICS = ["mig", "dci_lightgbm", "sap_r2"]
DRAWN = Sampling(num_train=900, num_test=100, seed=4)


def main(rank: int, folder: str) -> None:
    """Score as process ``rank`` of two; batches are of unequal number."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    codes, factors, _ = reference_case("noise_and_leak")
    suite = DisentanglementSuite(METRICS, sampling=DRAWN)
    for batch, labels in batches(codes[rank::2], factors[rank::2], 400 + rank):
        suite.update(batch, labels)
    scores = suite.compute()
    assert suite.table().scores.keys() == scores.keys()  # type: ignore[union-attr]
    alone = DisentanglementSuite(METRICS, sampling=DRAWN)
    for batch, labels in batches(codes, factors, 1100) if rank else ():
        alone.update(batch, labels)
    refused = ""
    try:
        DisentanglementSuite(METRICS, sampling=DRAWN).compute()
    except ValueError as error:
        refused = str(error)
    torch.save([scores, alone.compute(), refused], f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
