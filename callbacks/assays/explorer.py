"""The explorer as a page of a run."""

from pytorch_lightning import LightningModule, Trainer
from typing_extensions import override

from lr_lightning.callbacks.assay import AssayCallback, assays_of
from lr_lightning.callbacks.assays.disentanglement import DisentanglementAssay
from lr_lightning.callbacks.cautions import cautions_of
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.needs import Target
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.common.checks import check_at_least
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.explorer.explored_model import ExploredModel, ExploredScore
from lr_lightning.explorer.onnx_export import missing_packages


def packages_of_explorer(target: Target) -> str | None:  # noqa: ARG001  (as all needs)
    """Need the packages of the extra ``explore``."""
    return missing_packages()


class ExplorerExport(AssayCallback):
    """Saves the explorer, a page with the model inside on which latents are moved by hand, to ``pages/``.

    It has no scalars. W&B shows the page in the run, under ``assay/explorer/page``. By default, it is written at the
    end of training and in tests, and a report of ``lr-lightning assay`` has it if it is named in ``--assays``.

    Args:
        num_samples: Number of base codes of the response matrix; 128 if ``None``, fewer for many latents and for large
            images.
        every_n_validations: How often to write it; 0 for the last validation only.
        seed: Seed of the codes, examples and samples.

    Raises:
        ValueError: If ``num_samples`` is below 2.
        ModuleNotFoundError: At the start of a run, if packages of the extra ``explore`` are missing.
    """

    name = "explorer"
    summary = "A page on which latents are moved by hand, with the decoded observation and the response"
    needs = (packages_of_explorer,)
    by_default = False
    quantities = ()
    num_observations = 16

    def __init__(self, num_samples: int | None = None, every_n_validations: int = 0, seed: int = 0) -> None:
        super().__init__(every_n_validations, seed)
        if num_samples is not None:
            check_at_least("num_samples", num_samples, 2)
        self.num_samples = num_samples

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        missing = missing_packages()
        if missing is not None:  # now, not after hours of training
            raise ModuleNotFoundError(f"{missing}; or remove it with --assays.{self.name} null")

    @override
    def run(self, context: AssayContext) -> AssayResult:
        if not context.trainer.is_global_zero:
            return AssayResult()
        from lr_lightning.explorer.static_page import static_page

        progress = context.progress
        page = static_page(
            self._explored(context),
            num_samples=self.num_samples,
            seed=self.seed,
            progress=None if progress is None else lambda _, done, total: progress(done, total),
        )
        return AssayResult(pages={"page": page})

    def _explored(self, context: AssayContext) -> ExploredModel:
        """Return the model with the codes of the pass, and the scores and cautions of the other assays."""
        model, table = context.autoencoder, context.table
        dataset = context.dataset if isinstance(context.dataset, FactorDataset) else None
        others = [assay for assay in assays_of(context.trainer) if assay is not self]
        tables = [
            assay.table for assay in others if isinstance(assay, DisentanglementAssay) and assay.table is not None
        ]
        name, network = type(model).__name__, getattr(model, "network", None)
        steps = getattr(model, "steps_trained", context.trainer.global_step)
        parts = [] if network is None else [type(network).__name__]
        return ExploredModel(
            autoencoder=model,
            title=name if dataset is None else f"{name} on {dataset.name}",
            subtitle=", ".join([*parts, f"{model.latent_dim} latents", f"{steps:,} steps"]),
            codes=table.codes,
            log_variances=table.log_variances,
            factors=table.factors,
            dataset=dataset,
            observations=context.observations.cpu() if len(context.observations) else None,
            scores=[ExploredScore(row) for table in tables for row in table.rows],
            cautions=cautions_of(others),
        )
