"""A run: its results, its model and data, and its evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from pytorch_lightning import LightningDataModule, LightningModule

from lr_lightning.commands.assay import command as assay_command
from lr_lightning.commands.assay.trainer import SETTINGS
from lr_lightning.commands.config.option_words import option_words
from lr_lightning.commands.config.resume_check import config_of_run
from lr_lightning.commands.fit.training import RunCLI, prepare
from lr_lightning.commands.run.checkpoints import read_checkpoint
from lr_lightning.commands.run.exported import find_run, is_exported
from lr_lightning.commands.run.folder import CHECKPOINTS, CONFIG
from lr_lightning.commands.run.weights_file import WEIGHTS
from lr_lightning.common.checks import check_choice
from lr_lightning.data import FactorDataset
from lr_lightning.explorer.notebook_page import ExplorerPage
from lr_lightning.metrics.core.sample import Codes
from lr_lightning.models import AutoencoderModule
from lr_lightning.runs.assay_words import Assays, assay_words
from lr_lightning.runs.codes import RunCodes, encode_observations, read_codes
from lr_lightning.runs.command_lines import QUIET, Loading, LoadingModel, start
from lr_lightning.runs.isolation import run_isolated
from lr_lightning.runs.results import Evaluation, read_history, read_results, scalars_of, scores_of
from lr_lightning.runs.scores import Scores
from lr_lightning.runs.sharing.export import export_run

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Run:
    """A run in its folder, or an exported model, which is read whenever a result is asked for.

    Evaluations write to the run folder, as on the command line: the same files, and one process at a time. Those of an
    exported model write to a run folder of their own, ``trainer.default_root_dir`` of its config, and nothing to the
    folder of the model.

    Attributes:
        folder: The run folder or that of the exported model, an absolute path.
    """

    folder: Path

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.folder)!r})"

    @property
    def config(self) -> dict[str, Any]:
        """The resolved config, as plain values with current names."""
        return config_of_run(self.folder)

    @property
    def is_exported(self) -> bool:
        """Whether this is an exported model, which has one set of weights and no state of training."""
        return is_exported(self.folder)

    @property
    def seed(self) -> int | None:
        """The key ``seed_everything`` of the config; ``None`` if the run was not seeded."""
        seed = self.config.get("seed_everything")
        return None if seed is False else seed

    @property
    def results(self) -> dict[str, Any]:
        """Content of ``results.json``: a record of each command, ``"fit"``, ``"validate"`` or ``"test"``."""
        return read_results(self.folder)

    @property
    def scalars(self) -> dict[str, float]:
        """All scalars, those at the end of training, replaced by those of later validations and tests.

        Undefined ones are NaN. Those of a single command are returned by :meth:`test` and :meth:`validate`, and are in
        ``results["fit"]["scalars"]``. For an ensemble, ``val/loss`` is the mean over seeds, ``val/loss_sd`` their
        standard deviation and ``seed_3/val/loss`` the value of one seed.
        """
        found: dict[str, float] = {}
        for record in self.results.values():
            found |= scalars_of(record)
        return found

    @property
    def history(self) -> "pd.DataFrame":
        """Every scalar that was logged, with a row for each training step that has any and a column for each scalar.

        The index is the step. Scalars that were not logged at a step are NaN there, so that
        ``run.history["val/loss"].dropna()`` is one curve.

        Raises:
            FileNotFoundError: If there is none: an exported model, or a run with loggers of its own.
        """
        return read_history(self.folder)

    @property
    def scores(self) -> Scores:
        """All disentanglement scores, those of training, replaced by those of later validations and tests."""
        found = Scores()
        for stage, record in self.results.items():
            found = found.updated(scores_of(self.folder, stage, record))
        return found

    def checkpoint(self, name: str | Path = "best") -> Path:
        """Return the path of a checkpoint.

        Args:
            name: ``"best"`` or ``"last"``; ``"seed_3"`` for one model of an ensemble; or a path. The weights of an
                exported model are ``"best"``.

        Raises:
            FileNotFoundError: If there is no such checkpoint.
        """
        own = self.folder / (WEIGHTS if self.is_exported and name == "best" else f"{CHECKPOINTS}/{name}.ckpt")
        if own.is_file():
            return own
        if Path(name).is_file():
            return Path(name)
        known = sorted(path.stem for path in own.parent.glob("*.ckpt"))
        if self.is_exported:
            raise FileNotFoundError(
                f"{self.folder} is an exported model and has no checkpoint {str(name)!r}, only 'best'"
            )
        raise FileNotFoundError(f"{self.folder} has no checkpoint {str(name)!r}; it has: {', '.join(known) or 'none'}")

    def model(self, checkpoint: str | Path = "best") -> LightningModule:
        """Return the model with the weights of a checkpoint, on the CPU and in evaluation mode.

        The data are not opened, so their files may be missing.

        Args:
            checkpoint: See :meth:`checkpoint`. For an ensemble, ``"best"`` and ``"last"`` are a ``SeedEnsemble`` with
                ``members``, and ``"seed_3"`` is one of them.

        Raises:
            FileNotFoundError: If there is no such checkpoint.
            ValueError: If it is damaged, or does not fit the model.
        """
        path = self.checkpoint(checkpoint)

        def load() -> LightningModule:
            kind = partial(LoadingModel, folder=self.folder, checkpoint=path)
            return with_weights(prepare(self._words(), kind).model, path)

        return run_isolated(load, quiet=True)

    def data(self) -> LightningDataModule:
        """Return the data module, set up for training: with its split, and without a Trainer."""

        def load() -> LightningDataModule:
            data: LightningDataModule = self._loaded(None).datamodule
            data.prepare_data()
            data.setup("fit")
            return data

        return run_isolated(load, quiet=True)

    def test(
        self,
        checkpoint: str | Path = "best",
        *,
        metrics: Sequence[str] | None = None,
        assays: Assays | None = None,
        codes: Codes | None = None,
        values: Mapping[str, Any] | None = None,
        quiet: bool = False,
    ) -> Evaluation:
        """Evaluate a checkpoint on the test set, as ``lr-lightning test`` does.

        Args:
            checkpoint: See :meth:`checkpoint`.
            metrics: Metrics or groups of metrics to compute, none if empty; by default those of the config, and the
                default ones if it has none.
            assays: The assays to run instead of those of the config: names, or a mapping of names to arguments.
            codes: Whether scores use posterior means (``"mean"``) or one ``"sample"`` of each posterior; by default as
                in the config.
            values: Values that replace those of the config, as for :func:`~lr_lightning.fit`.
            quiet: Whether to print nothing.

        Returns:
            Scalars and scores of this evaluation, which :attr:`scalars` and :attr:`scores` then include, unless this
            is an exported model.

        Raises:
            FileNotFoundError: If there is no such checkpoint.
            FolderInUseError: If another process trains or evaluates this run.
            UsageError: If an assay or metric is unknown, or has no such argument.
        """
        return self._evaluate("test", checkpoint, assay_words(self.config, metrics, assays, codes), values, quiet)

    def validate(
        self,
        checkpoint: str | Path = "best",
        *,
        metrics: Sequence[str] | None = None,
        assays: Assays | None = None,
        codes: Codes | None = None,
        values: Mapping[str, Any] | None = None,
        quiet: bool = False,
    ) -> Evaluation:
        """Evaluate a checkpoint on the validation set, as ``lr-lightning validate`` does; see :meth:`test`.

        Without ``metrics`` and ``assays``, only those of the config are computed.
        """
        return self._evaluate("validate", checkpoint, assay_words(self.config, metrics, assays, codes), values, quiet)

    def assay(
        self,
        out: str | Path,
        *,
        checkpoint: str | Path = "best",
        assays: Sequence[str] = ("all",),
        split: Literal["validation", "test"] = "validation",
        num_samples: int | None = None,
        seed: int = 0,
        overwrite: bool = False,
        values: Mapping[str, Any] | None = None,
        quiet: bool = False,
    ) -> Path:
        """Write a report of assays, as ``lr-lightning assay`` does; nothing is written to the run folder.

        Args:
            out: Folder of the report.
            checkpoint: See :meth:`checkpoint`.
            assays: Names or import paths; ``"all"`` selects all that the model and the data allow.
            split: Data to use; the test set is usually the whole data set.
            num_samples: Codes on which assays intervene; by default, each assay's own choice. An error if none of them
                has such a number.
            seed: Seed of the assays' random choices.
            overwrite: Whether to replace an existing report.
            values: Values that replace those of the config, as for :func:`~lr_lightning.fit`.
            quiet: Whether to print nothing.

        Returns:
            The path of its page, ``index.html``.

        Raises:
            FileExistsError: If the folder contains files that must not be replaced.
            UsageError: If an assay is unknown, or a value is invalid.
        """
        check_choice("split", split, ("validation", "test"))
        words = [str(self.checkpoint(checkpoint)), f"--out={out}", f"--assays={','.join(assays)}", f"--split={split}"]
        words += [f"--seed={int(seed)}", *(["--overwrite"] if overwrite else [])]
        words += [] if num_samples is None else [f"--num_samples={int(num_samples)}"]
        words += option_words(values or {})
        run_isolated(lambda: assay_command.run(["assay", *words]), quiet)
        return Path(out) / assay_command.INDEX

    def codes(self, checkpoint: str | Path = "best", *, values: Mapping[str, Any] | None = None) -> RunCodes:
        """Encode the whole data set, as ``lr-lightning predict`` does: ``codes.npz`` is written to the run folder.

        For an exported model, this is a run folder of its own.

        Args:
            checkpoint: See :meth:`checkpoint`; for an ensemble, name one of its models, e.g. ``"seed_3"``.
            values: Values that replace those of the config, as for :func:`~lr_lightning.fit`.

        Raises:
            FileNotFoundError: If there is no such checkpoint.
            ValueError: If it contains several models.
        """
        path = self._checkpoint_of_one_model(checkpoint)
        folder = self._run("predict", path, option_words(values or {}), quiet=True)
        return read_codes(folder / "codes.npz")

    def export(
        self,
        out: str | Path,
        *,
        checkpoint: str | Path = "best",
        license: str | None = None,  # noqa: A002  (the name of the option)
        notes: str = "",
        onnx: bool = False,
        overwrite: bool = False,
    ) -> Path:
        """Write the model to a folder to share it, as ``lr-lightning export`` does; :func:`load_run` reads it.

        Args:
            out: The folder.
            checkpoint: See :meth:`checkpoint`; for an ensemble, name one of its models, e.g. ``"seed_3"``.
            license: License of the weights; by default that of the project that an imported model is from, otherwise
                that of this package, MIT.
            notes: Text for the model card, Markdown.
            onnx: Whether to write ``encoder.onnx`` and ``decoder.onnx`` as well, compared with PyTorch.
            overwrite: Whether to replace an exported model there.

        Returns:
            The folder.

        Raises:
            FileExistsError: If the folder has other files, or an exported model and ``overwrite`` is not set.
            FileNotFoundError: If there is no such checkpoint.
            ModuleNotFoundError: If ``onnx`` is set and a package of the extra ``explore`` is missing.
            ValueError: If this is an exported model already, the checkpoint has several models or is damaged, or a
                record of the run is damaged. Also if ``onnx`` is set, and encoder or decoder has no ONNX form.
        """
        path = self.checkpoint(checkpoint)
        export_run(self.folder, path, Path(out), license_=license, notes=notes, onnx=onnx, overwrite=overwrite)
        return Path(out).absolute()

    def explore(
        self,
        checkpoint: str | Path = "best",
        *,
        num_samples: int | None = None,
        seed: int = 0,
        values: Mapping[str, Any] | None = None,
    ) -> ExplorerPage:
        """Return a page on which latents are moved by hand, as ``lr-lightning explore`` writes it.

        A notebook shows it where it is the value of a cell; ``run.explore().save("explorer.html")`` writes a file.

        Args:
            checkpoint: See :meth:`checkpoint`; for an ensemble, name one of its models, e.g. ``"seed_3"``.
            num_samples: Number of base codes of the response matrix; 128 if ``None``, fewer for many latents and for
                large images.
            seed: Seed of all random choices.
            values: Values that replace those of the config, as for :func:`~lr_lightning.fit`.

        Raises:
            FileNotFoundError: If there is no such checkpoint.
            ModuleNotFoundError: If a package of the extra ``explore`` is missing.
            ValueError: If the checkpoint contains several models, or the model cannot be exported to ONNX.
        """
        from lr_lightning.explorer.static_page import static_page
        from lr_lightning.runs.exploring import explored_run

        path, words = self._checkpoint_of_one_model(checkpoint), option_words(values or {})

        def build() -> ExplorerPage:
            explored = explored_run(self, path, words)
            return ExplorerPage(explored.title, static_page(explored, num_samples=num_samples, seed=seed))

        return run_isolated(build, quiet=True)

    def encode(self, num_samples: int, checkpoint: str | Path = "best", *, seed: int = 0) -> RunCodes:
        """Encode random observations of the data set on the CPU; nothing is written.

        They depend only on ``seed`` and the size of the data set, so that runs can be compared on the same ones.

        Args:
            num_samples: How many observations to draw, without replacement; all if the data set has fewer.
            checkpoint: See :meth:`checkpoint`; for an ensemble, name one of its models, e.g. ``"seed_3"``.
            seed: Seed of the draw.

        Raises:
            FileNotFoundError: If there is no such checkpoint.
            ValueError: If it contains several models, or the data module has no data set.
        """
        path = self._checkpoint_of_one_model(checkpoint)

        def encode() -> RunCodes:
            loaded = self._loaded(path)
            dataset = getattr(loaded.datamodule, "dataset", None)
            if not isinstance(dataset, FactorDataset):
                raise ValueError(f"the data module {type(loaded.datamodule).__name__} of {self.folder} has no data set")
            drawn = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(seed))[:num_samples]
            model = cast(AutoencoderModule, with_weights(loaded.model, path))
            return encode_observations(model, dataset, drawn.sort().values)

        return run_isolated(encode, quiet=True)

    def _checkpoint_of_one_model(self, name: str | Path) -> Path:
        path = self.checkpoint(name)
        seeds = read_checkpoint(path).get("seeds")
        if seeds is not None:
            names = ", ".join(repr(f"seed_{seed}") for seed in seeds)
            raise ValueError(f"{path} contains {len(seeds)} models; name one of them: {names}")
        return path

    def _evaluate(
        self,
        stage: Literal["test", "validate"],
        checkpoint: str | Path,
        words: Sequence[str],
        values: Mapping[str, Any] | None,
        quiet: bool,
    ) -> Evaluation:
        path = self.checkpoint(checkpoint)
        folder = self._run(stage, path, [*words, *option_words(values or {})], quiet)
        return Evaluation.of(folder, stage, path)

    def _run(self, command: str, checkpoint: Path, words: Sequence[str], quiet: bool) -> Path:
        """Run a command on a checkpoint of this run, and return the folder that it has written to."""
        place = [] if self.is_exported else [f"--trainer.default_root_dir={self.folder}"]
        line = [command, f"--config={self.folder / CONFIG}", *place, f"--ckpt_path={checkpoint}", *words]
        if quiet:
            line += QUIET

        def run() -> Path:
            command_line = prepare(line, RunCLI)
            start(command_line)
            return Path(command_line.trainer.default_root_dir).absolute()

        return run_isolated(run, quiet)

    def _loaded(self, checkpoint: Path | None) -> RunCLI:
        """Return a command line with model and data of this run."""
        return prepare(self._words(), partial(Loading, folder=self.folder, checkpoint=checkpoint))

    def _words(self) -> list[str]:
        return ["validate", f"--config={self.folder / CONFIG}", *SETTINGS]


def with_weights(model: LightningModule, checkpoint: Path) -> LightningModule:
    """Return a model, in evaluation mode, with the weights of a checkpoint."""
    content = read_checkpoint(checkpoint)
    model.load_state_dict(content["state_dict"])
    model.on_load_checkpoint(content)
    return model.eval()


def load_run(folder: str | Path) -> Run:
    """Return the run, or the exported model, in a folder.

    Reading it executes no code that it contains. Its config names classes, which are imported from installed packages
    when the model or the data are asked for.

    Args:
        folder: The folder; or ``"demo"``, the model of this package, unless there is a run in a folder of this name.

    Raises:
        FileNotFoundError: If there is no run.
    """
    path = find_run(folder)
    if not (path / CONFIG).is_file():
        raise FileNotFoundError(f"{path} is neither a run folder nor an exported model: {path / CONFIG} does not exist")
    return Run(path.absolute())
