"""``lr-lightning export``: writes a model of a run to a folder that can be shared."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lr_lightning.commands.failure import run_command
from lr_lightning.common.files import quoted_path

if TYPE_CHECKING:
    from lr_lightning.runs.sharing.export import Exported

_DESCRIPTION = """\
Write a trained model to a folder that can be shared: model.safetensors (the weights), config.yaml (without paths of
this machine), results.json (scores, versions, data set) and README.md, a model card with all of this. With --onnx, also
encoder.onnx and decoder.onnx, which run without PyTorch.

RUN is a run folder, whose best checkpoint is used, or a checkpoint in one, such as RUN/checkpoints/seed_3.ckpt. The
folder takes the place of a run: `lr-lightning assay FOLDER --out report`, `lr-lightning test FOLDER`,
`lr_lightning.load_run("FOLDER")`."""


def main(argv: Sequence[str]) -> int:
    """Run ``lr-lightning export``.

    Args:
        argv: Arguments, such as ``["runs/quickstart", "--out", "shared"]``.

    Returns:
        Exit code: 0 on success, 1 on failure, 2 for a wrong command line, 130 after Ctrl-C. Errors are printed to
        standard error, one sentence each.
    """
    return run_command(
        "export",
        lambda: _parser().parse_args(argv),
        lambda arguments: _print(arguments, _export(arguments)),
        "interrupted; nothing was written",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lr-lightning export",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="run folder, or a checkpoint in one")
    parser.add_argument("--out", metavar="FOLDER", type=Path, required=True, help="the folder to write")
    parser.add_argument(
        "--license",
        help="license of the weights (default: MIT; for an imported model, the license of the project it is from)",
    )
    parser.add_argument("--notes", metavar="FILE", type=Path, help="text for the model card, Markdown")
    parser.add_argument(
        "--onnx", action="store_true", help="also write encoder and decoder as ONNX; needs the extra explore"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an exported model")
    return parser


def _export(arguments: argparse.Namespace) -> "Exported":
    from lr_lightning.commands.run.run_argument import folder_and_checkpoint
    from lr_lightning.runs.sharing.export import check_out, export_run

    check_out(arguments.out, arguments.overwrite)  # before what takes seconds
    notes = "" if arguments.notes is None else arguments.notes.read_text(encoding="utf-8")
    run, checkpoint = folder_and_checkpoint(arguments.run, "best")
    return export_run(
        run,
        checkpoint,
        arguments.out,
        license_=arguments.license,
        notes=notes,
        onnx=arguments.onnx,
        overwrite=arguments.overwrite,
    )


def _print(arguments: argparse.Namespace, exported: "Exported") -> None:
    size = f"{exported.num_bytes / 1e6:.1f} MB"
    print(
        f"Model: {exported.folder.resolve()}, {size} of weights of step {exported.step:,}, license {exported.license}"
    )
    if exported.onnx:
        largest = max(difference for file in exported.onnx for difference in file.differences.values())
        names = " and ".join(file.name for file in exported.onnx)
        print(f"ONNX:  {names}, which differ from PyTorch by at most {largest:.1e}")
    if "test" not in exported.results:
        run = quoted_path(arguments.run)
        print(f"Note:  no test of these weights is recorded; lr-lightning test {run} computes the scores for the card")
    print(f"Next:  lr-lightning assay {quoted_path(exported.folder)} --out report")
