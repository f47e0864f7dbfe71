"""Several models of one architecture, such as seeds of one model, trained in one run."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from pytorch_lightning import Callback, LightningModule
from pytorch_lightning.__version__ import version
from torch import Tensor, nn
from typing_extensions import override

from lr_lightning.models.architecture import check_alike
from lr_lightning.models.base import AutoencoderModule, check_finite
from lr_lightning.training.logging_step import is_logging_due, logging_step
from lr_lightning.training.loop_state import of_automatic_optimization
from lr_lightning.training.member_statistics import member_label, member_statistics, seed_name
from lr_lightning.training.update_loop import UpdateLoop


class SeedEnsemble(LightningModule):
    """Independent models of one architecture: each batch updates all of them, and each ends as if trained alone.

    Members have their own weights, optimizers, learning rates, schedules and noise. They may differ in their seed, in
    the weights of their objective and in their learning rate, but not in their class, the shapes of their weights or
    ``updates_per_batch``. They see the same batches in the same order, which the data module alone determines. On a
    CPU, a member's weights are bitwise equal to those of a separate run. On a CUDA device, the updates of all members
    form one CUDA graph with one stream per member, so that their small kernels run side by side. Members then differ
    from separate runs by round-off, as with any recorded graph: after twelve steps, by less than 3 % of the distance
    that the weights have moved (in norm). Networks that draw from the global random state (dropout) need
    ``random_states`` to end as separate runs, and do so on a CPU only.

    Each scalar is logged per member (``seed_3/val/loss``), with its mean over members under the usual key
    (``val/loss``) and its sample standard deviation (``val/loss_sd``). A scheduled value is logged once
    (``train/beta``) where all members have the same. Steps count the updates of one member. ``validation_step``,
    ``test_step`` and ``predict_step`` return a list with one output per member. To run assays on each member, use
    :class:`~lr_lightning.callbacks.EnsembleAssay`.

    A member whose loss is not finite ends there, as a separate run would, with a warning: it is neither updated nor
    evaluated nor logged any more, and the others continue. On a CUDA device, the remaining members are recorded anew.

    Args:
        members: The models, all of the same class, with weights of the same names and shapes. A model takes its noise
            seed from ``torch.initial_seed()`` when it is constructed, so call ``torch.manual_seed`` with its seed
            before constructing it.
        seeds: The seed of each member.
        assays: Callbacks of the ensemble. Those of its members do not run.
        random_states: The state of the CPU's global generator after the construction of each member. Each member then
            draws from a state of its own; by default, all draw from the global state in turn.
        names: Names the members in keys and files; ``seed_3`` by default. Members with equal seeds need names.

    Attributes:
        diverged: Why members ended early, by their names.

    Raises:
        ValueError: If there are no members, members and seeds or names differ in number, seeds repeat without names,
            or a name repeats or has a slash; in ``setup``, with more than one process or, for training, if members
            differ in class, weights or ``updates_per_batch``; on loading a checkpoint of other members.
        FloatingPointError: During training and evaluation, if the loss of no member is finite.
    """

    def __init__(
        self,
        members: Sequence[AutoencoderModule],
        seeds: Sequence[int],
        assays: Sequence[Callback] = (),
        random_states: Sequence[Tensor] | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        if not members or len(members) != len(seeds):
            raise ValueError(f"an ensemble needs one seed for each member, got {len(members)} and seeds {list(seeds)}")
        if names is None and len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds must differ unless members have names, got {list(seeds)}")
        self.names = list(map(seed_name, seeds)) if names is None else list(names)
        _check_names(self.names, len(members))
        self.members = cast(Sequence[AutoencoderModule], nn.ModuleList(members))
        self.seeds = list(seeds)
        self.assays = list(assays)
        self._random_states = None if random_states is None else list(random_states)
        self._members_are_automatic = members[0].automatic_optimization
        # One update loop updates all members, each with its own optimizers, so the Trainer must not step any
        self.automatic_optimization = False
        for member in members:
            member.automatic_optimization = False
        self.updates_per_batch = members[0].updates_per_batch  # the data module reads it
        self.diverged: dict[str, str] = {}
        self._shared_random_state: Tensor | None = None
        self._terms: dict[int, dict[str, Tensor]] = {}
        self._update_loop: UpdateLoop | None = None

    @property
    def active(self) -> list[int]:
        """Indices of the members that have not diverged."""
        return [index for index, name in enumerate(self.names) if name not in self.diverged]

    @property
    def train_terms(self) -> dict[str, Tensor]:
        """Loss and terms of the last training batch, averaged over the members that it updated."""
        terms = list(self._terms.values())
        shared = [name for name in (terms[0] if terms else ()) if all(name in own for own in terms)]
        return {name: torch.stack([own[name] for own in terms]).mean() for name in shared}

    @override
    def setup(self, stage: str) -> None:
        """Attach the members to the Trainer."""
        if self.trainer.world_size > 1:
            raise ValueError(
                f"an ensemble trains on one device, got {self.trainer.world_size}; set trainer.devices to 1"
            )
        if stage == "fit":
            check_alike(self.members, self.names)
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
        parts: list[list[bool]] = []
        for member in self.members:
            # trainer.optimizers is one flat list: remember where this member's optimizers begin
            member.optimizer_index = len(configured)
            own = member.configure_optimizers()
            own = own if isinstance(own, list) else [own]
            own = [entry if isinstance(entry, dict) else {"optimizer": entry} for entry in own]
            parts.append(["lr_scheduler" in entry for entry in own])
            if parts[-1] != parts[0]:  # the lists of the Trainer are divided evenly among the members
                first, last = (f"{len(each)} and {sum(each)}" for each in (parts[0], parts[-1]))
                raise ValueError(
                    f"members of an ensemble need equally many optimizers and lr_schedulers, got {first} for "
                    f"{self.names[0]}, and {last} for {self.names[len(parts) - 1]}"
                )
            configured += own
        return configured

    @override
    def on_train_start(self) -> None:
        """Set the members' step counts to that of the Trainer, and restore random states."""
        for index in self.active:
            with self._alone(index) as member:
                member.on_train_start()
        if self._random_states is not None and self._shared_random_state is not None:
            torch.set_rng_state(self._shared_random_state.cpu())

    @override
    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Check the first batch of an epoch."""
        self.members[0].on_train_batch_start(batch, batch_idx)

    @override
    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Update each member on a batch, or on each batch of a list."""
        active = self.active
        if self._update_loop is None:
            members = [self.members[index] for index in active]
            self._update_loop = UpdateLoop(members, lambda number: self._alone(active[number]))
        self._terms = dict(zip(active, self._update_loop.run(batch), strict=False))  # none if no step was left

    @override
    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Send the terms to the loggers every ``log_every_n_steps``."""
        assert self._update_loop is not None
        if not is_logging_due(self.trainer, self._update_loop.num_updates):
            return
        step = logging_step(self.trainer)
        # One tensor, so that a GPU is read only once
        values = iter(torch.stack([value.double() for own in self._terms.values() for value in own.values()]).tolist())
        terms = {index: {name: next(values) for name in own} for index, own in self._terms.items()}
        self._end_diverged({index: own["loss"] for index, own in terms.items()})
        scheduled = {index: self.members[index].scheduled_values(step) for index in self.active}
        first, *others = scheduled.values()
        shared = {name: value for name, value in first.items() if all(own.get(name) == value for own in others)}
        for index, own in scheduled.items():
            terms[index] |= {name: value for name, value in own.items() if name not in shared}
        metrics = self._statistics("train", terms) | {f"train/{name}": value for name, value in shared.items()}
        for logger in self.loggers:
            logger.log_metrics(metrics, step=step)

    @override
    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Step the learning-rate schedule of a member, unless it has diverged."""
        configs = [own for index in self.active for own in self._of(index, self.trainer.lr_scheduler_configs)]
        if any(own.scheduler is scheduler for own in configs):
            super().lr_scheduler_step(scheduler, metric)

    @override
    def validation_step(self, batch: Any, batch_idx: int) -> Any:
        """Return the outputs of each member for a batch, for the callbacks; ``None`` for one that has diverged."""
        return self._evaluate("validation_step", batch, batch_idx)

    @override
    def test_step(self, batch: Any, batch_idx: int) -> Any:
        """Return the outputs of each member for a batch, for the callbacks; ``None`` for one that has diverged."""
        return self._evaluate("test_step", batch, batch_idx)

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
        """Save the seeds and names, and the state that each member adds to its checkpoints."""
        checkpoint["seeds"] = self.seeds
        checkpoint["names"] = self.names
        checkpoint["shared_random_state"] = torch.get_rng_state()
        checkpoint["diverged"] = dict(self.diverged)
        checkpoint["members"] = [{} for _ in self.members]
        for index, own in enumerate(checkpoint["members"]):
            with self._alone(index) as member:
                member.on_save_checkpoint(own)

    @override
    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore each member."""
        if checkpoint.get("seeds") != self.seeds:
            raise ValueError(f"the checkpoint has seeds {checkpoint.get('seeds')}, but this ensemble has {self.seeds}")
        # missing in checkpoints of earlier versions, which named members by their seeds alone
        names = checkpoint.get("names", list(map(seed_name, self.seeds)))
        if names != self.names:
            raise ValueError(f"the checkpoint has members {names}, but this ensemble has {self.names}")
        diverged = checkpoint.get("diverged", {})
        self.diverged = {name if isinstance(name, str) else seed_name(name): why for name, why in diverged.items()}
        kept = checkpoint.get("members", [{} for _ in self.members])
        for member, own in zip(self.members, kept, strict=True):
            member.on_load_checkpoint(own | {"global_step": checkpoint["global_step"]})
        self._shared_random_state = checkpoint.get("shared_random_state")
        if self._shared_random_state is None and "diverged" not in checkpoint:  # an earlier version, without own states
            self._random_states = None

    def member_checkpoint(self, index: int) -> dict[str, Any]:
        """Return a checkpoint of member ``index`` as if it had been trained alone, without the state of training."""
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
        with self._alone(index):
            member.on_save_checkpoint(checkpoint)
        return checkpoint

    def member_training_state(self, index: int) -> dict[str, Any]:
        """Return what the Trainer would add to the checkpoint of a member that it trains alone, but for callbacks."""
        trainer = self.trainer
        loops = trainer._checkpoint_connector._get_loops_state_dict()
        schedulers = self._of(index, trainer.lr_scheduler_configs)
        state: dict[str, Any] = {
            "loops": of_automatic_optimization(loops, len(schedulers)) if self._members_are_automatic else loops,
            "optimizer_states": [trainer.strategy.optimizer_state(own) for own in self._of(index, trainer.optimizers)],
            "lr_schedulers": [own.scheduler.state_dict() for own in schedulers],
        }
        for part in (trainer.precision_plugin, trainer.datamodule):  # type: ignore[attr-defined]
            if part is not None and (own := part.state_dict()):
                state[type(part).__qualname__] = own
        return state

    def _of(self, index: int, entries: Sequence[Any]) -> Sequence[Any]:
        """Return the part of a list of the Trainer, of optimizers or schedulers, that belongs to a member."""
        number = len(entries) // len(self.members)  # members are equal
        return entries[index * number : (index + 1) * number]

    @contextmanager
    def _alone(self, index: int) -> Iterator[AutoencoderModule]:
        """Yield a member, which draws from its own random state in the meantime, if it has one."""
        if self._random_states is None:
            yield self.members[index]
            return
        shared = torch.get_rng_state()
        torch.set_rng_state(self._random_states[index])
        try:
            yield self.members[index]
        finally:
            self._random_states[index] = torch.get_rng_state()
            torch.set_rng_state(shared)

    def _evaluate(self, step: str, batch: Any, batch_idx: int) -> list[Any]:
        outputs: list[Any] = [None] * len(self.members)
        for index in self.active:
            with self._alone(index) as member:
                outputs[index] = getattr(member, step)(batch, batch_idx)
        return outputs

    def end_diverged(self) -> None:
        """End the members whose mean loss over the last validation or test set is not finite.

        Raises:
            FloatingPointError: If none is left.
        """
        self._end_diverged({i: self.members[i].evaluation_means()["loss"].item() for i in self.active})

    def _end_diverged(self, losses: Mapping[int, float]) -> None:
        """End the members whose loss, given by index, is not finite."""
        for index, loss in losses.items():
            try:
                check_finite("the loss", loss, self.global_step)
            except FloatingPointError as error:
                name = self.names[index]
                self.diverged[name] = str(error)
                self._update_loop = None  # the next batch begins another, of the remaining members
                if not self.active:
                    raise FloatingPointError(
                        f"no model is left: the last, {member_label(name)}, ended because {error}"
                    ) from error
                warnings.warn(f"{member_label(name)} ended, the others continue: {error}", stacklevel=2)

    def _log_means(self, stage: str) -> None:
        self.end_diverged()
        means = {i: self.members[i].evaluation_means() for i in self.active}
        terms = {i: {name: mean.item() for name, mean in own.items()} for i, own in means.items()}
        self.log_dict(self._statistics(stage, terms))

    def _statistics(self, stage: str, terms: Mapping[int, Mapping[str, float]]) -> dict[str, float]:
        """Return the scalars to log for the ``terms`` of members, given by index; those that diverged have none."""
        active = [index for index in self.active if index in terms]
        scalars = [{f"{stage}/{name}": value for name, value in terms[index].items()} for index in active]
        return member_statistics([self.names[index] for index in active], scalars)


def _check_names(names: Sequence[str], num_members: int) -> None:
    if len(names) != num_members:
        raise ValueError(f"an ensemble needs one name for each of its {num_members} members, got {list(names)}")
    if len(set(names)) < len(names) or any("/" in name or not name for name in names):
        raise ValueError(f"names of members must differ and have no slash, got {list(names)}")
