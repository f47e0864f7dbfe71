"""Training and evaluation from the command line, based on LightningCLI."""

import os
import sys
import warnings
from argparse import ArgumentError
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from jsonargparse import Namespace
from jsonargparse.typing import NonNegativeInt, PositiveInt
from pytorch_lightning import LightningDataModule, LightningModule, Trainer, seed_everything
from pytorch_lightning.__version__ import version
from pytorch_lightning.callbacks import Callback, ModelSummary
from pytorch_lightning.cli import ArgsType, LightningArgumentParser, LightningCLI
from pytorch_lightning.loggers import CSVLogger, Logger
from pytorch_lightning.plugins import TorchCheckpointIO
from pytorch_lightning.utilities.exceptions import SIGTERMException
from pytorch_lightning.utilities.seed import isolate_rng
from typing_extensions import override

import lr_lightning.data.loading.datamodule  # noqa: F401  (short class names need their classes imported)
from lr_lightning.callbacks import (
    ASSAYS,
    AdaptiveThreads,
    AssayCallback,
    CodeFiles,
    Resumption,
    RunModelSummary,
    RunProgressBar,
    RunRecord,
)
from lr_lightning.commands.collection import resume_collection
from lr_lightning.commands.config.completion import check_serializable, complete_config
from lr_lightning.commands.config.composition import ComposingConfigFile, split_assays
from lr_lightning.commands.config.known_names import SET_BY_THE_RUN, known_arguments, known_classes
from lr_lightning.commands.config.option_words import words_with_nested_nulls
from lr_lightning.commands.config.reading import read_yaml
from lr_lightning.commands.config.registered_names import import_registered, words_with_class_paths
from lr_lightning.commands.config.resume_check import (
    check_unchanged,
    recorded_config,
    recorded_folder,
    with_defaults,
)
from lr_lightning.commands.config.saving import SaveRunConfig
from lr_lightning.commands.config.transform_arguments import register_numbers
from lr_lightning.commands.data.opening import prepare_cache
from lr_lightning.commands.fit.callbacks import checkpoint_callbacks, named_assays, of_each_seed, with_scores
from lr_lightning.commands.fit.cuda_lookup import settle_device_check
from lr_lightning.commands.fit.finite_loss import FiniteLoss
from lr_lightning.commands.fit.foreign_messages import silence_foreign_messages
from lr_lightning.commands.fit.malloc_settings import keep_freed_memory
from lr_lightning.commands.fit.monitor_check import check_monitored
from lr_lightning.commands.fit.own_checkpoints import place_checkpoints
from lr_lightning.commands.fit.precision import default_precision
from lr_lightning.commands.fit.seeds import seed_of_checkpoint, seeds_of_run
from lr_lightning.commands.messages import UsageError, plain_message
from lr_lightning.commands.run.checkpoint_io import AtomicCheckpointIO
from lr_lightning.commands.run.checkpoints import check_checkpoint, read_checkpoint
from lr_lightning.commands.run.exported import weights_file
from lr_lightning.commands.run.folder import CHECKPOINTS, LAST, RunFolder, wandb_run_id
from lr_lightning.commands.run.folder_guard import FolderGuard
from lr_lightning.commands.run.initial_weights import OPTION, load_initial_weights
from lr_lightning.commands.run.limits import Progress, check_limits, why_it_ended
from lr_lightning.commands.run.resumable import check_resumable, while_restoring
from lr_lightning.commands.run.run_argument import expand_run_argument, names_folder
from lr_lightning.commands.run.run_choice import choose_run
from lr_lightning.commands.run.start_note import note_of_new_run, note_of_resumed_run
from lr_lightning.common.cores import CoreMeter
from lr_lightning.common.files import quoted_path
from lr_lightning.common.thread_limit import given_by_environment, limit_threads
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.registry import import_data_sets
from lr_lightning.loggers import RunCSVLogger, RunWandbLogger
from lr_lightning.metrics.core.sample import Codes
from lr_lightning.models import AutoencoderModule, SeedEnsemble
from lr_lightning.networks.pretrained import without_pretrained_weights


class RunCLI(LightningCLI):
    """LightningCLI with named assays, one folder per run, W&B with an offline fallback and two checkpoints.

    Added keys: ``seeds`` (number or list of seeds to train), ``assays.NAME`` (an assay callback, ``null`` to remove
    one), ``wandb.*`` (arguments of :class:`RunWandbLogger`) and ``checkpoint.*`` (which checkpoint is the best). The
    run folder is ``trainer.default_root_dir``, with a number appended if it already has a run. ``threads`` is how many
    threads compute each operation.

    Args:
        meter: Measures the free cores, from the start of the process if possible.
        args: Arguments of the command line, starting with the subcommand.
    """

    _held: RunFolder | None = None

    def __init__(self, *args: Any, meter: CoreMeter | None = None, **kwargs: Any) -> None:
        self._command: str = kwargs["args"][0]
        self._meter = meter or CoreMeter()
        try:
            super().__init__(*args, **kwargs)
        except BaseException:
            self._leave_folder()
            raise

    def _leave_folder(self) -> None:
        if self._held is None:
            return
        if not self._held.is_begun:  # W&B would write files when Python exits, after the folder is removed
            for logger in self.trainer.loggers if hasattr(self, "trainer") else ():
                if isinstance(logger, RunWandbLogger):
                    logger.finish(exit_code=1)
        self._held.leave()

    @override
    def _prepare_subcommand_parser(self, klass: type, subcommand: str, **kwargs: Any) -> LightningArgumentParser:
        """Return the parser of a command; only that of the one that runs has arguments, which take long to collect."""
        if subcommand != self._command:
            return self.init_parser(**kwargs)
        parser = super()._prepare_subcommand_parser(klass, subcommand, **kwargs)
        if subcommand == "predict":
            parser.add_argument(
                "--codes", type=Codes, default="mean", help="Write posterior means, or one 'sample' of each posterior."
            )
            parser.add_argument("--sample_seed", type=NonNegativeInt, default=0, help="Seed of these samples.")
        return parser

    @override
    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        ASSAYS.import_own()  # so that their class names are known without their module
        import_data_sets()
        register_numbers()
        parser.add_argument(
            "--seeds",
            type=int | list[int] | None,
            default=None,
            help="Seeds to train at once: their number, counted from seed_everything, or a list of them.",
        )
        parser.add_argument(
            "--threads",
            type=Literal["auto"] | PositiveInt,
            default="auto",
            help="Threads of each operation; 'auto' adapts them to the free cores, unless OMP_NUM_THREADS is set.",
        )
        parser.add_argument(
            "--assays",
            type=dict[str, AssayCallback | None] | None,
            default={},
            help="Assays by a name of your choice, merged with those of earlier configs; null removes one, or all.",
        )
        parser.add_argument(
            OPTION,
            type=str | None,
            default=None,
            help="Checkpoint or exported model with the initial weights of a new run; only its weights are used.",
        )
        parser.add_class_arguments(RunWandbLogger, "wandb", skip=SET_BY_THE_RUN, instantiate=False)
        parser.add_argument(
            "--checkpoint.monitor", type=str, default="val/loss", help="Key that selects the best checkpoint."
        )
        parser.add_argument("--checkpoint.mode", type=str, default="min", help="'min' or 'max'.")

    @override
    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Return a parser that merges the assays of several configs."""
        kwargs.setdefault("dump_header", [f"pytorch_lightning=={version}"])
        parser = LightningArgumentParser(**kwargs)
        help_text = "A config file; may be repeated, later files override and extend earlier ones."
        parser.add_argument("-c", "--config", action=ComposingConfigFile, help=help_text)
        return parser

    @override
    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse ``args``, without Lightning's warning about arguments from Python, and complete the config."""
        self._arguments = list(args)  # type: ignore[arg-type]
        self.config = parser.parse_args(args)  # type: ignore[arg-type]
        complete_config(self.config[self.config.subcommand])

    @override
    def _parse_ckpt_path(self) -> None:
        """Ignore hyperparameters in the checkpoint, which must not silently override the config."""

    @override
    def before_instantiate_classes(self) -> None:
        config = self.config[self.subcommand]
        self._seeds = self._seeds_of_config()
        if config.threads != "auto":
            limit_threads(config.threads)
        self._folder, checkpoint = self._folder_and_checkpoint()
        if self._seeds is not None and checkpoint is not None:
            self._check_seeds(checkpoint)
        config.ckpt_path = None if checkpoint is None else str(checkpoint)
        config.trainer.default_root_dir = recorded_folder(self._folder, checkpoint)
        config.weights_only = config.weights_only is not False
        if "verbose" in config:
            config.verbose = False  # the summary at the end is more readable
        self._recorded = {}
        if self.subcommand == "fit" and checkpoint is not None:
            self._recorded = recorded_config(checkpoint)
            # values that are not given again are kept, even on a machine with other defaults
            config.trainer.precision = config.trainer.precision or self._recorded.get("trainer", {}).get("precision")
            config.initial_weights = config.initial_weights or self._recorded.get("initial_weights")
        config.trainer.precision = config.trainer.precision or default_precision(config.trainer.accelerator)
        if config.initial_weights is not None:
            config.initial_weights = str(weights_file(config.initial_weights).absolute())  # readable from any folder
        self._dump_config()

    def _seeds_of_config(self) -> list[int] | None:
        """Return the seeds of an ensemble, ``None`` for a run of one model."""
        config = self.config[self.subcommand]
        return seeds_of_run(config.seeds, config.seed_everything)

    def _check_seeds(self, checkpoint: Path) -> None:
        """Evaluate a single model if ``checkpoint`` belongs to one seed of the configured ensemble.

        Raises:
            ValueError: If the command is ``fit``.
        """
        seed = seed_of_checkpoint(checkpoint)
        if seed is None:
            return
        if self.subcommand == "fit":
            raise ValueError(
                f"{checkpoint} has one model, and cannot be resumed with {len(self._seeds or ())} seeds; resume from "
                "the last.ckpt of the run"
            )
        config = self.config[self.subcommand]
        config.seeds, config.seed_everything, self._seeds = None, seed, None

    def _folder_and_checkpoint(self) -> tuple[Path, Path | None]:
        """Return the run folder and the checkpoint from which the run starts."""
        config = self.config[self.subcommand]
        self._asked = Path(config.trainer.default_root_dir or "runs/unnamed"), config.ckpt_path
        self._held, checkpoint = choose_run(str(self.subcommand), *self._asked, names_folder(self._arguments))
        return self._held.path, checkpoint

    @override
    def instantiate_classes(self) -> None:
        """Construct model, data and Trainer; a model whose weights come from a checkpoint needs no other files."""
        config = self.config[self.subcommand]
        with without_pretrained_weights() if config.ckpt_path or config.initial_weights else nullcontext():
            super().instantiate_classes()

    @override
    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        if self._seeds is not None:
            self.model = self._ensemble(self._seeds)
        trainer, checkpoint = self._get(self.config_init, "trainer"), self._get(self.config, "ckpt_path")
        if self._recorded:
            recorded = with_defaults(self._recorded, self._parser(self.subcommand))
            check_unchanged(recorded, self._plain_config(), Path(checkpoint), self.model, self._arguments)
        self._step = check_checkpoint(Path(checkpoint), self.model) if checkpoint else 0
        weights = self._get(self.config, "initial_weights")
        if weights is not None and self.subcommand == "fit" and not checkpoint:
            self._load_initial_weights(Path(weights))
        built: Trainer = super().instantiate_trainer(
            default_root_dir=str(self._folder),  # the config may have another path, or that of its first place
            callbacks=self._callbacks(trainer),
            logger=self._loggers(trainer["logger"], str(self._folder)),
            enable_model_summary=False,  # there is one of our own
            **kwargs,
        )
        if type(built.strategy.checkpoint_io) is TorchCheckpointIO:  # neither custom nor of a special strategy
            built.strategy.checkpoint_io = AtomicCheckpointIO()
        if self.subcommand == "fit":
            check_monitored(built, self.model)
        if checkpoint and self.subcommand == "fit":
            path, content = Path(checkpoint), read_checkpoint(Path(checkpoint))
            check_resumable(path, content, built, self.model, self.datamodule)
            limits, recorded = self._plain_config()["trainer"], self._recorded.get("trainer") or {}
            check_limits(path, Progress.of_checkpoint(content), limits, recorded)
        return built

    def _callbacks(self, trainer: Namespace) -> list[Callback]:
        """Return the callbacks of a run in order, including those in the config of the Trainer.

        Raises:
            ValueError: If a checkpoint callback of the config conflicts with the run's own.
        """
        callbacks = self._assay_callbacks()
        if self.subcommand == "predict":
            kind, seed = (self._get(self.config, key) for key in ("codes", "sample_seed"))
            callbacks.append(CodeFiles(self._folder, self._seeds, kind, seed))
        if trainer["enable_checkpointing"] is not False:
            callbacks += self._checkpoints(self._folder / CHECKPOINTS)
        if trainer["enable_progress_bar"] is not False:
            callbacks.append(RunProgressBar())
        given = trainer["callbacks"] or []
        given = given if isinstance(given, list) else [given]
        place_checkpoints(given, self._folder / CHECKPOINTS)
        if trainer["enable_model_summary"] is not False and not any(isinstance(own, ModelSummary) for own in given):
            callbacks.append(RunModelSummary())
        is_fixed = self._get(self.config, "threads") != "auto" or given_by_environment()
        threads = AdaptiveThreads(None if is_fixed else self._meter)
        return [Resumption(), *self._guards(), threads, FiniteLoss(), *given, *callbacks, *self._records()]

    def _guards(self) -> list[Callback]:
        """Return the callbacks that end the run if its folder is lost."""
        return [] if self._held is None else [FolderGuard(self._held)]

    def _records(self) -> list[Callback]:
        """Return the callbacks that write the results of the run."""
        return [RunRecord(self._plain_config(), self._step)]

    def _ensemble(self, seeds: list[int]) -> SeedEnsemble:
        """Return the model of each seed, built as in a run with this seed alone."""
        members, random_states = [], []
        with isolate_rng():
            for index, seed in enumerate(seeds):
                seed_everything(seed, workers=True, verbose=False)
                members.append(self._member(index))
                random_states.append(torch.get_rng_state())
        assays = [of_each_seed(assay) for assay in members[0].assays]
        return SeedEnsemble(members, seeds, assays, random_states, self._names())

    def _member(self, index: int) -> AutoencoderModule:
        """Construct the configured model for member ``index`` of an ensemble."""
        model = Namespace({"model": self._get(self.config, "model")})  # type: ignore[no-untyped-call]
        config = Namespace({"subcommand": self.subcommand, str(self.subcommand): model})  # type: ignore[no-untyped-call]
        member: AutoencoderModule = self._get(self.parser.instantiate_classes(config), "model")
        return member

    def _names(self) -> list[str] | None:
        """Return the names of the members of an ensemble, ``None`` if they are named by their seeds."""
        return None

    def _load_initial_weights(self, weights: Path) -> None:
        load_initial_weights(weights, self.model)

    def _assay_callbacks(self) -> list[Callback]:
        """Return the assays of the config, plus disentanglement scores in a test."""
        assays = self._get(self.config_init, "assays") or {}
        named = named_assays(with_scores(assays) if self.subcommand == "test" else assays)
        return list(named) if self._seeds is None else [of_each_seed(assay) for assay in named]

    def _checkpoints(self, folder: Path) -> list[Callback]:
        """Return the callbacks that save checkpoints to ``folder``."""
        wanted = self._get(self.config, "checkpoint")
        validates = self._get(self.config, "trainer").limit_val_batches != 0
        return checkpoint_callbacks(folder, (wanted.monitor, wanted.mode) if validates else None, self._seeds)

    def _loggers(self, given: Any, folder: str) -> list[Logger] | bool:
        """Return the loggers: W&B unless others are given, and a CSV logger, except with ``logger=False``.

        A resumed run writes the rows after its checkpoint again.
        """
        if given is False or self.subcommand == "predict":
            return False
        resume_step = self._step - 1 if self.subcommand == "fit" else None
        loggers = [self._wandb_logger(folder, resume_step)] if given in (None, True) else given
        loggers = loggers if isinstance(loggers, list) else [loggers]
        if not any(isinstance(logger, CSVLogger) for logger in loggers):
            loggers = [*loggers, RunCSVLogger(folder, resume_step)]
        return loggers

    def _wandb_logger(self, folder: str, resume_step: int | None) -> RunWandbLogger:
        options = self._get(self.config, "wandb").as_dict()
        options["run_id"] = wandb_run_id(Path(folder), options["run_id"] or os.environ.get("WANDB_RUN_ID"))
        return RunWandbLogger(folder, **options, resume_step=resume_step)

    def _plain_config(self) -> dict[str, Any]:
        """Return the config for records; for training, it does not depend on how often the run was resumed."""
        plain: dict[str, Any] = dict(self.config_dump)
        if self.subcommand == "fit":
            plain |= {"ckpt_path": None, "wandb": plain["wandb"] | {"run_id": None}}
        return plain

    @override
    def _dump_config(self) -> None:
        """Set ``config_dump``, the config as plain values.

        Raises:
            ValueError: If it contains a value that cannot be read back.
        """
        if hasattr(self, "config_dump"):  # it is called before each construction
            return
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"\s*Unable to serialize")
            # the parser has validated these values, which takes as long as to parse them
            text = self.parser.dump(self.config, skip_link_targets=False, skip_none=False, skip_validation=True)
        self.config_dump = read_yaml(text)[str(self.subcommand)]
        check_serializable(self.config_dump)

    @override
    def _run_subcommand(self, subcommand: str) -> None:
        """Do nothing: deferred to :meth:`start`, so that runtime errors are not reported as usage errors."""

    def convert_data(self) -> None:
        """Convert the files of the data set unless that is done: with a progress bar, and before anything is logged.

        Raises:
            OSError, ValueError: If a file is damaged or cannot be used, or the cache cannot be written.
        """
        dataset = getattr(self.datamodule, "dataset", None)
        try:
            if isinstance(dataset, FactorDataset):
                prepare_cache(dataset)
        except BaseException:
            self._leave_folder()
            raise

    def print_note(self) -> None:
        """Print to standard error which run training continues, or that the configured folder has one already."""
        if self.subcommand != "fit" or not self.trainer.is_global_zero:
            return
        root, given = self._asked
        checkpoint = self._get(self.config, "ckpt_path")
        if checkpoint is None:
            note = note_of_new_run(root, self._folder)
        else:
            note = note_of_resumed_run(root, given, self._folder, Path(checkpoint), self._step)
        if note is not None:
            print(f"lr-lightning fit: {note}", file=sys.stderr)

    def start(self) -> None:
        """Run the Trainer.

        Raises:
            KeyboardInterrupt: If it was interrupted; the message shows how to resume.
            ValueError: If the checkpoint cannot be restored.
        """
        try:
            super()._run_subcommand(str(self.subcommand))
        except SystemExit as stopped:
            # Lightning ends the process after Ctrl-C and SIGTERM; a callback may do so too
            if not (isinstance(stopped, SIGTERMException) or isinstance(stopped.__context__, KeyboardInterrupt)):
                raise
            folder = Path(self.trainer.default_root_dir)
            resumable = self.subcommand == "fit" and (folder / LAST).is_file()
            how = f"resume with: lr-lightning fit {quoted_path(folder)}"
            raise KeyboardInterrupt(how if resumable else "") from stopped
        except (AttributeError, LookupError, RuntimeError, TypeError) as error:
            if not while_restoring(error):
                raise
            checkpoint = self._get(self.config, "ckpt_path")
            raise ValueError(
                f"{checkpoint} is malformed ({type(error).__name__} while restoring it: {error})"
            ) from error
        finally:
            self._leave_folder()
        for logger in self.trainer.loggers:
            if isinstance(logger, RunWandbLogger) and (told := logger.finish()) is not None:
                print(told)
        if self.subcommand == "fit" and 0 < self._step == self.trainer.global_step:
            print(why_it_ended(self.trainer, self._plain_config()["trainer"]))

    def predict(self, model: LightningModule, datamodule: LightningDataModule, **options: Any) -> None:
        """Encode the data; :class:`~lr_lightning.callbacks.CodeFiles` writes the codes to the run folder."""
        self.trainer.predict(model, datamodule=datamodule, **options | {"return_predictions": False})


_Prepared = TypeVar("_Prepared", bound=RunCLI)


def run(arguments: list[str], meter: CoreMeter | None = None) -> None:
    """Run ``fit``, ``validate``, ``test`` or ``predict`` with ``arguments``, starting with the subcommand.

    Args:
        arguments: The arguments.
        meter: Measures the free cores since the start of the process.

    Raises:
        UsageError: If the arguments or a config cannot be parsed.
        KeyboardInterrupt: If training was interrupted.
    """
    command_line = prepare(arguments, partial(RunCLI, meter=meter))
    resume_collection()
    command_line.print_note()
    command_line.convert_data()
    command_line.start()


def prepare(arguments: list[str], kind: Callable[..., _Prepared]) -> _Prepared:
    """Return a command line with its model, data and Trainer, ready to start.

    Args:
        arguments: As for :func:`run`.
        kind: :class:`RunCLI`, or a factory of a subclass.

    Raises:
        UsageError: If the arguments or a config cannot be parsed.
    """
    keep_freed_memory()
    settle_device_check()
    silence_foreign_messages()
    options = {"allow_abbrev": False, "exit_on_error": False}
    if any(word == "-h" or word.endswith(("--help", ".help")) for word in arguments):
        import_registered()
    try:
        return kind(
            AutoencoderModule,
            LightningDataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            save_config_callback=SaveRunConfig,
            seed_everything_default=0,
            parser_kwargs=options | dict.fromkeys(RunCLI.subcommands(), options),
            auto_configure_optimizers=False,
            args=parser_words(arguments),
        )
    except (ArgumentError, ValueError) as error:
        raise UsageError(plain_message(error, known_arguments(), known_classes())) from error


def parser_words(arguments: list[str]) -> list[str]:
    """Return the words that the parser understands, given those of a command line.

    Raises:
        ValueError: If a word names what does not exist.
    """
    return words_with_class_paths(split_assays(words_with_nested_nulls(expand_run_argument(arguments))))
