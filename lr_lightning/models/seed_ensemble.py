"""Several seeds of one model, trained in one run."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from pytorch_lightning import Callback, LightningModule
from pytorch_lightning.__version__ import version
from torch import Tensor, nn
from typing_extensions import override

from lr_lightning.models.base import AutoencoderModule, check_finite
from lr_lightning.training.logging_step import is_logging_due, logging_step
from lr_lightning.training.seed_statistics import seed_statistics
from lr_lightning.training.update_loop import UpdateLoop


class SeedEnsemble(LightningModule):
    """Independent seeds of one model: each batch updates every member, and each member ends as if trained alone.

    Members have their own weights, optimizers, learning rates and noise. They see the same batches in the same order,
    which the data module alone determines. On a CPU, a member's weights are bitwise equal to those of a separate run.
    On a CUDA device, the updates of all members form one CUDA graph with one stream per member, so that their small
    kernels run side by side; see :class:`~lr_lightning.training.cuda_graph_update.CUDAGraphUpdate`. Members then differ
    from separate runs by round-off, as with any recorded graph: after twelve steps, by less than 3 % of the distance
    that the weights have moved (in norm). Networks that draw from the global random state (dropout) share it between
    members, so these differ from separate runs.

    Each scalar is logged per seed (``seed_3/val/loss``), with its mean over seeds under the usual key (``val/loss``)
    and its sample standard deviation (``val/loss_sd``). Steps count the updates of one member. ``validation_step``,
    ``test_step`` and ``predict_step`` return a list with one output per member. To run assays on each member, use
    :class:`~lr_lightning.callbacks.EnsembleAssay`.

    Args:
        members: The models, all of the same class. A model takes its noise seed from ``torch.initial_seed()`` when it
            is constructed, so call ``torch.manual_seed`` with its seed before constructing it.
        seeds: The seed of each member; it names the member in keys and files.
        assays: Callbacks of the ensemble. Those of its members do not run.

    Raises:
        ValueError: If there are no members, members and seeds differ in number, or seeds repeat; in ``setup``, with
            more than one process; on loading a checkpoint with different seeds.
    """

    def __init__(
        self, members: Sequence[AutoencoderModule], seeds: Sequence[int], assays: Sequence[Callback] = ()
    ) -> None:
        super().__init__()
        if not members or len(members) != len(seeds):
            raise ValueError(f"an ensemble needs one seed for each member, got {len(members)} and seeds {list(seeds)}")
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds must differ, got {list(seeds)}")
        self.members = cast(Sequence[AutoencoderModule], nn.ModuleList(members))
        self.seeds = list(seeds)
        self.assays = list(assays)
        # One update loop updates all members, each with its own optimizers, so the Trainer must not step any
        self.automatic_optimization = False
        for member in members:
            member.automatic_optimization = False
        self.updates_per_batch = members[0].updates_per_batch  # the data module reads it
        self._terms: list[dict[str, Tensor]] = []
        self._update_loop: UpdateLoop | None = None

    @property
    def train_terms(self) -> dict[str, Tensor]:
        """Loss and terms of the last training batch, averaged over the members."""
        names = self._terms[0] if self._terms else ()
        return {name: torch.stack([terms[name] for terms in self._terms]).mean() for name in names}

    @override
    def setup(self, stage: str) -> None:
        """Attach the members to the Trainer."""
        if self.trainer.world_size > 1:
            raise ValueError(
                f"an ensemble of seeds trains on one device, got {self.trainer.world_size}; set trainer.devices to 1"
            )
        for member in self.members:
            member.trainer = self.trainer
            member.setup(stage)

    @override
    def configure_callbacks(self) -> list[Callback]:
        """Return the ensemble's assays."""
        return self.assays

    @override
    def configure_optimizers(self) -> Any:
        """Build the optimizers and schedules of all members, in their order."""
        configured: list[dict[str, Any]] = []
        for member in self.members:
            # trainer.optimizers is one flat list: remember where this member's optimizers begin
            member.optimizer_index = len(configured)
            own = member.configure_optimizers()
            own = own if isinstance(own, list) else [own]
            configured += [entry if isinstance(entry, dict) else {"optimizer": entry} for entry in own]
        return configured

    @override
    def on_train_start(self) -> None:
        """Set the members' step counts to that of the Trainer."""
        for member in self.members:
            member.on_train_start()

    @override
    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Check the first batch of an epoch."""
        self.members[0].on_train_batch_start(batch, batch_idx)

    @override
    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Update each member on a batch, or on each batch of a list."""
        self._update_loop = self._update_loop or UpdateLoop(self.members)
        self._terms = self._update_loop.run(batch)

    @override
    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Send the terms to the loggers every ``log_every_n_steps``."""
        assert self._update_loop is not None
        if not is_logging_due(self.trainer, self._update_loop.num_updates):
            return
        step = logging_step(self.trainer)
        names = list(self._terms[0])
        # One tensor, so that a GPU is read only once
        values = torch.stack([torch.stack([terms[name].double() for name in names]) for terms in self._terms]).tolist()
        metrics = self._statistics("train", [dict(zip(names, own, strict=True)) for own in values])
        metrics |= {f"train/{name}": value for name, value in self.members[0].scheduled_values(step).items()}
        for logger in self.loggers:
            logger.log_metrics(metrics, step=step)

    @override
    def validation_step(self, batch: Any, batch_idx: int) -> Any:
        """Return the outputs of each member for a batch, for the callbacks."""
        return [member.validation_step(batch, batch_idx) for member in self.members]

    @override
    def test_step(self, batch: Any, batch_idx: int) -> Any:
        """Return the outputs of each member for a batch, for the callbacks."""
        return [member.test_step(batch, batch_idx) for member in self.members]

    @override
    def predict_step(self, batch: Any, batch_idx: int) -> list[Any]:
        """Return mean codes and log-variances of each member."""
        return [member.predict_step(batch, batch_idx) for member in self.members]

    @override
    def on_validation_epoch_end(self) -> None:
        """Log the means over the validation set."""
        self._log_means("val")

    @override
    def on_test_epoch_end(self) -> None:
        """Log the means over the test set."""
        self._log_means("test")

    @override
    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the seeds, and the state that each member adds to its checkpoints."""
        checkpoint["seeds"] = self.seeds
        checkpoint["members"] = [{} for _ in self.members]
        for member, own in zip(self.members, checkpoint["members"], strict=True):
            member.on_save_checkpoint(own)

    @override
    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore each member."""
        if checkpoint.get("seeds") != self.seeds:
            raise ValueError(f"the checkpoint has seeds {checkpoint.get('seeds')}, but this ensemble has {self.seeds}")
        kept = checkpoint.get("members", [{} for _ in self.members])
        for member, own in zip(self.members, kept, strict=True):
            member.on_load_checkpoint(own | {"global_step": checkpoint["global_step"]})

    def member_checkpoint(self, index: int) -> dict[str, Any]:
        """Return a checkpoint of member ``index`` as if it had been trained alone, without optimizers."""
        member = self.members[index]
        checkpoint = {
            "epoch": self.current_epoch,
            "global_step": self.global_step,
            "pytorch-lightning_version": version,
            "state_dict": member.state_dict(),
        }
        if member.hparams:
            checkpoint[self.CHECKPOINT_HYPER_PARAMS_NAME] = member._hparams_name
            checkpoint[self.CHECKPOINT_HYPER_PARAMS_KEY] = dict(member.hparams)
        member.on_save_checkpoint(checkpoint)
        return checkpoint

    def _log_means(self, stage: str) -> None:
        means = [member.evaluation_means() for member in self.members]
        self.log_dict(self._statistics(stage, [{name: mean.item() for name, mean in own.items()} for own in means]))

    def _statistics(self, stage: str, terms: Sequence[dict[str, float]]) -> dict[str, float]:
        """Return the scalars to log for the ``terms`` of each member, after checking that losses are finite."""
        for seed, own in zip(self.seeds, terms, strict=True):
            check_finite(f"the loss of seed {seed}", own["loss"], self.global_step)
        return seed_statistics(self.seeds, [{f"{stage}/{name}": value for name, value in own.items()} for own in terms])
