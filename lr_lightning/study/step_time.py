"""Measures how long a step of training takes on this machine."""

import os
import time
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from jsonargparse import Namespace
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from typing_extensions import override

from lr_lightning.commands.fit.parser import fit_parser
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset
from lr_lightning.runs.isolation import run_isolated
from lr_lightning.study.engines.single_process import forget_launcher

_WARM_UP = 3
"""Batches that are not timed: memory is allocated, and kernels are chosen."""
_FEWEST = 5
"""Batches that are timed at least."""
_TRAINER = ("accelerator", "precision", "accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm")
"""Arguments of the Trainer that are used in the measurement."""


class StepTime(NamedTuple):
    """The time of a step of training.

    Attributes:
        seconds: Wall time of one step.
        measured: How many steps were timed.
        steps_per_epoch: Steps between two validations.
    """

    seconds: float
    measured: int
    steps_per_epoch: int


def step_time(
    config: Mapping[str, Any], threads: int, seconds: float = 1.0, image_shape: tuple[int, ...] | None = None
) -> StepTime:
    """Train a few steps of a cell without validation, assays and logging, and return the time of one.

    Args:
        config: The complete config of the cell, plain values.
        threads: Threads of PyTorch.
        seconds: Wall time of the measurement, without the first batches.
        image_shape: Shape of random images to train on; ``None`` for the data of the config.

    Raises:
        ValueError: If the cell cannot be trained.
    """
    timer = _Timer(seconds)
    run_isolated(lambda: _train(config, threads, image_shape, timer), quiet=True)
    return StepTime(timer.seconds / timer.steps, timer.steps, timer.steps_per_epoch)


def _train(config: Mapping[str, Any], threads: int, image_shape: tuple[int, ...] | None, timer: "_Timer") -> None:
    """Train until the timer stops it, with the settings of this process changed."""
    forget_launcher(os.environ)
    warnings.simplefilter("ignore")  # what concerns training concerns its runs
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model, data = _model_and_data(config, image_shape)
    trainer = Trainer(
        **{name: config["trainer"].get(name) for name in _TRAINER if config["trainer"].get(name) is not None},
        devices=1,
        max_epochs=-1,
        callbacks=[timer],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        num_sanity_val_steps=0,
    )
    trainer.fit(model, datamodule=data)


class _Timer(Callback):
    """Times batches after the first few, and stops training after a while."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._batches = 0
        self._start = (0.0, 0)
        self.seconds, self.steps, self.steps_per_epoch = 0.0, 0, 0

    @override
    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any) -> None:
        self._batches += 1
        if self._batches < _WARM_UP or _WARM_UP < self._batches < _WARM_UP + _FEWEST:
            return
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize()
        now = (time.perf_counter(), trainer.global_step)
        if self._batches == _WARM_UP:
            self._start = now
            return
        self.seconds, self.steps = now[0] - self._start[0], now[1] - self._start[1]
        steps_per_batch = trainer.global_step / self._batches
        self.steps_per_epoch = round(steps_per_batch * trainer.num_training_batches)
        trainer.should_stop = self.seconds >= self._limit


def _model_and_data(
    config: Mapping[str, Any], image_shape: tuple[int, ...] | None
) -> tuple[LightningModule, LightningDataModule]:
    data = dict(config["data"])
    if image_shape is not None:
        arguments = data.get("init_args") or {}
        data["init_args"] = arguments | {"dataset": _random_images(image_shape, arguments.get("val_size") or 0)}
    parser = fit_parser()
    parsed = parser.parse_object({"model": dict(config["model"]), "data": data})
    built = parser.instantiate_classes(Namespace(model=parsed.model, data=parsed.data))  # type: ignore[no-untyped-call]
    return built.model, built.data


def _random_images(image_shape: tuple[int, ...], num_held_out: int) -> TensorFactorDataset:
    """Return images in place of missing ones, enough to train on beside those held out for validation."""
    shape = (num_held_out + 1000, *image_shape)
    images = torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    factors = torch.zeros(len(images), 1, dtype=torch.int64)
    return TensorFactorDataset("random", images, factors, FactorSpace(("none",), (1,)))
