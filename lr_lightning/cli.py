"""The command ``lr-lightning``: dispatches to subcommands, importing only the one that runs."""

import sys

from lr_lightning import __version__
from lr_lightning.commands.collection import pause_collection
from lr_lightning.commands.output import keep_output

USAGE = """\
usage: lr-lightning COMMAND [options]

Train autoencoders and VAEs, and measure their latent spaces with interventional assays.

  fit       train a model:      lr-lightning fit --config quickstart
  test      evaluate a run:     lr-lightning test runs/quickstart
  validate  validate a run:     lr-lightning validate runs/quickstart
  predict   encode a data set:  lr-lightning predict runs/quickstart
  assay     report on a model:  lr-lightning assay runs/quickstart --out report
  compare   compare two runs:   lr-lightning compare runs/quickstart runs/quickstart-1
  explore   touch latents:      lr-lightning explore runs/quickstart
  export    share a model:      lr-lightning export runs/quickstart --out shared
  import    read a model of another project:  lr-lightning import leeb2022 model_a.pt --out runs/leeb2022
  score     score any codes:    lr-lightning score codes.npz --metrics mig,dci
  configs   ready configs:      lr-lightning configs
  data      list, preview, prepare data sets:  lr-lightning data list
  study     many runs, one table:  lr-lightning study run small_dsprites

  lr-lightning COMMAND --help   show the options of a command
  lr-lightning --version        show the version

Set LR_LIGHTNING_TRACEBACK=1 for the traceback of an error."""


_WITH_NAMES = ("fit", "validate", "test", "predict", "assay", "explore", "export")
"""Commands that take a run or configs."""


def main(arguments: list[str] | None = None) -> None:
    """Run ``lr-lightning`` on ``arguments`` (``sys.argv[1:]`` if ``None``); exits with the command's exit code."""
    is_own_process = arguments is None
    if arguments is None:
        keep_output()
        arguments = sys.argv[1:]
    command = arguments[0] if arguments else "--help"
    if command in _WITH_NAMES:
        _check_names(arguments)
    if command in ("-h", "--help"):
        print(USAGE)
    elif command == "--version":
        print(f"lr-lightning {__version__}")
    elif command == "configs":
        from lr_lightning.commands.config import command as configs

        sys.exit(configs.main(arguments[1:]))
    elif command == "compare":
        from lr_lightning.commands.compare import command as compare

        sys.exit(compare.main(arguments[1:]))
    elif command == "data":
        from lr_lightning.commands.data import command as data

        sys.exit(data.main(arguments[1:]))
    elif command == "import":
        from lr_lightning.commands.importing import command as importing

        sys.exit(importing.main(arguments[1:]))
    elif command == "score":
        from lr_lightning.commands.score import command as score

        sys.exit(score.main(arguments[1:]))
    elif command == "export":
        from lr_lightning.commands.export import command as export

        sys.exit(export.main(arguments[1:]))
    elif command == "explore":
        from lr_lightning.commands.explore import command as explore

        sys.exit(explore.main(arguments[1:]))
    elif command == "study":
        from lr_lightning.commands.study import command as study

        sys.exit(study.main(arguments[1:]))
    elif command in ("fit", "validate", "test", "predict", "assay"):
        if is_own_process:
            pause_collection()
        sys.exit(_run(arguments))
    else:
        print(f"lr-lightning: unknown command {command!r}\n\n{USAGE}", file=sys.stderr)
        sys.exit(2)


def _check_names(arguments: list[str]) -> None:
    """Exit with a sentence if a config or a run does not exist."""
    from lr_lightning.commands.early_check import check_names
    from lr_lightning.commands.failure import fail

    try:
        check_names(arguments)
    except Exception as error:
        sys.exit(fail(arguments[0], error))


def _run(arguments: list[str]) -> int:
    """Run a command that needs a Trainer; report an error as one sentence on standard error.

    Returns:
        Exit code: 0 on success, 1 on failure, 2 for an invalid command line or config, 130 after Ctrl-C.
    """
    from lr_lightning.commands.failure import fail
    from lr_lightning.common.cores import CoreMeter

    meter = CoreMeter()  # so that it has seen what others use by the time training begins
    try:
        if arguments[0] == "assay":
            from lr_lightning.commands.assay import command as assay

            assay.run(arguments, meter)
        else:
            from lr_lightning.commands.fit import training

            training.run(arguments, meter)
    except KeyboardInterrupt as interrupt:
        print(f"lr-lightning {arguments[0]}: interrupted; {interrupt}".rstrip("; "), file=sys.stderr)
        return 130
    except Exception as error:
        return fail(arguments[0], error, below_progress=True)
    return 0


if __name__ == "__main__":
    main()
