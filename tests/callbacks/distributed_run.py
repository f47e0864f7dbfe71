"""Run by ``test_distributed``: validates and trains with assays on several processes, and saves the results."""

import json
import sys
from pathlib import Path

from pytorch_lightning.callbacks import EarlyStopping
from typing_extensions import override

sys.path.insert(0, str(Path(__file__).parents[2]))

from lr_lightning.callbacks import (
    AssayCallback,
    AssayContext,
    AssayResult,
    ConditionedResponseAssay,
    ConsistencyAssay,
    DecoderGeometryAssay,
    DisentanglementAssay,
    FactorTopologyAssay,
    LatentStatisticsAssay,
    LatentTraversalAssay,
    ReconstructionAssay,
    ResponseJacobianAssay,
    ResponseMapAssay,
    ResponseMatrixAssay,
    SamplingAssay,
)
from lr_lightning.callbacks.assays.dynamics import DynamicsAssay
from lr_lightning.callbacks.assays.noise_recovery import NoiseRecoveryAssay
from lr_lightning.callbacks.assays.response_path import ResponsePathAssay
from lr_lightning.callbacks.sharding import gather_computed
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer
from tests.arrays import read_arrays
from tests.conftest import Bars


class Failing(AssayCallback):
    """Raises in its run on all processes, in what it shares out on the last, or in its figure, drawn on the first."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name.replace(" ", "_")
        self.message = name

    @override
    def run(self, context: AssayContext) -> AssayResult:
        if self.name == "everywhere":
            raise ValueError(self.message)
        if self.name == "one_process":
            trainer = context.trainer
            gather_computed(lambda: self.raise_if(trainer.global_rank == trainer.world_size - 1), trainer.world_size)
        return AssayResult(figures={"drawn": lambda: self.raise_if(True)})  # type: ignore[dict-item, return-value]

    def raise_if(self, here: bool) -> None:
        """Raise on this process."""
        if here:
            raise ValueError(self.message)


FAILING = [Failing("everywhere"), Failing("one process"), Failing("one figure")]


def main(devices: int, folder: Path) -> None:
    """Validate an untrained model, train one with early stopping on an assay, and write scalars and matrices."""
    assays: list[AssayCallback] = [
        ReconstructionAssay(num_samples=5),
        LatentTraversalAssay(num_steps=3),
        LatentStatisticsAssay(),
        ResponseMatrixAssay(num_samples=11),
        ConditionedResponseAssay(num_traversals=3, num_samples=3, num_resamples=20),
        DynamicsAssay(num_samples=7),
        NoiseRecoveryAssay(num_samples=7),
        ResponsePathAssay(num_samples=9, num_pairs=2, num_points=5),
        DisentanglementAssay(["mig", "dci_lightgbm", "sap_r2"], ["modularity"]),
        ResponseMapAssay(pairs=[(0, 1)], num_steps=7, num_images=2),
        ResponseJacobianAssay(num_samples=5),
        DecoderGeometryAssay(num_samples=5),
        SamplingAssay(num_samples=3, num_codes=9, num_permutations=20),
        ConsistencyAssay(num_samples=9),
        FactorTopologyAssay(),
    ]
    options = {"devices": devices, "strategy": "ddp" if devices > 1 else "auto"}
    trainer = tiny_trainer(folder, *assays, **options)
    # 13 samples on two processes: one of them has a sample more, and a batch more
    [metrics] = trainer.validate(
        tiny_model(), datamodule=tiny_data(Bars(), val_size=13, eval_batch_size=6), verbose=False
    )
    if trainer.is_global_zero:
        arrays = read_arrays(folder / "assays" / "response_matrix-validate.npz")
        entries = {f"matrix/{i}": float(value) for i, value in enumerate(arrays["matrix"].flatten())}
        (folder / "metrics.json").write_text(json.dumps({**metrics, **entries}))
    stop = EarlyStopping("assay/response_matrix/effective_dimension", patience=5)
    again = tiny_trainer(folder, *assays, *FAILING, stop, max_epochs=2, **options)
    again.fit(tiny_model(), datamodule=tiny_data(Bars(), val_size=13, batch_size=4))
    if again.is_global_zero:
        (folder / "trained.json").write_text(json.dumps({"epoch": again.current_epoch}))
    failures = [(assay.failure, assay.num_failures) for assay in FAILING]
    texts = [text for text, _ in failures if text is not None]  # of another process with its number before it
    assert [text.split(": ")[-1] for text in texts] == [assay.message for assay in FAILING], failures
    assert [times for _, times in failures] == [2, 2, 2], failures


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
