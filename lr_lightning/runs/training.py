"""``lr_lightning.fit``: trains a model and returns its run."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from lr_lightning.commands.config.includes import with_includes
from lr_lightning.commands.config.option_words import option_words, plain_values
from lr_lightning.commands.config.packaged import find_config
from lr_lightning.commands.config.registered_names import with_class_paths
from lr_lightning.commands.fit.training import prepare
from lr_lightning.common.checks import check_choice
from lr_lightning.common.renamed_keys import with_current_names
from lr_lightning.runs.command_lines import QUIET, Existing, Training
from lr_lightning.runs.isolation import run_isolated
from lr_lightning.runs.run import Run


def fit(
    config: str | Path | Mapping[str, Any],
    values: Mapping[str, Any] | None = None,
    *,
    folder: str | Path | None = None,
    existing: Existing = "new",
    quiet: bool = False,
) -> Run:
    """Train a model as ``lr-lightning fit`` does, with the same result, and return its run when it has ended.

    The run folder has the same files. The state of this process is the same afterwards, also after an error: random
    states, threads, warnings, environment variables, signal handlers and so on.

    Args:
        config: Name of a packaged config, path of a file, or a mapping with the content of one; keys of a mapping may
            have dots.
        values: Values that replace those of the config, by the keys of the command line, e.g.
            ``{"model.beta": 8, "trainer.max_steps": 2000}``. ``None`` is the ``null`` of a config.
        folder: The run folder; ``trainer.default_root_dir`` of the config by default.
        existing: What to do if the folder has a run. ``"new"`` trains in the first free one of ``folder-1``,
            ``folder-2``, ...; the returned run has the folder. ``"resume"`` continues exactly this run from its last
            checkpoint, starts it again if it has none, and only returns it if it has reached its end. ``"error"``
            raises.
        quiet: Whether to print nothing.

    Returns:
        The run.

    Raises:
        UsageError: If the config or a value is invalid; a ``ValueError``.
        ValueError: If the run to be resumed was trained with another config, or the data or the model are invalid.
        FileExistsError: If ``existing`` is ``"error"`` and the folder has a run.
        FolderInUseError: If another process trains in the folder.
        FloatingPointError: If the loss is not finite.
        KeyboardInterrupt: After Ctrl-C.
        RuntimeError: If another run is in progress in this process.

    Example:
        >>> import lr_lightning as lr
        >>> run = lr.fit("quickstart", {"model.beta": 8, "trainer.max_steps": 2000})  # doctest: +SKIP
        >>> run.scalars["assay/conditioned_response/cds"]  # doctest: +SKIP
    """
    check_choice("existing", existing, ("new", "resume", "error"))
    words = config_words(config) + option_words(values or {})
    if folder is not None:
        # the command line would read names such as null, ~ and 1e3 as other values
        words.append(f"--trainer.default_root_dir={folder if Path(folder).is_absolute() else f'./{folder}'}")
    if quiet:
        words += QUIET
    kind = partial(Training, existing=existing)
    path = run_isolated(lambda: prepare(["fit", *words], kind).train(), quiet)
    return Run(path.absolute())


def config_words(config: str | Path | Mapping[str, Any]) -> list[str]:
    """Return the words of a command line for a config.

    Raises:
        UsageError: If there is no file and no packaged config of this name.
        TypeError: If it is neither a name or path nor a mapping.
    """
    if isinstance(config, str | Path):
        return [f"--config={find_config(config)}"]
    if not isinstance(config, Mapping):
        raise TypeError(f"config must be a name, a path or a mapping, got {type(config).__name__}")
    given = plain_values(config, "config")
    nested = {key: value for key, value in given.items() if "." not in key}
    dotted = {key: value for key, value in given.items() if "." in key}
    complete = with_class_paths(with_current_names(with_includes(nested, Path("config"))))
    return [f"--config={yaml.safe_dump(complete, sort_keys=False)}", *option_words(dotted)]
