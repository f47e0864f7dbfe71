"""The parser of ``fit`` without a command line, for configs that are resolved but not trained."""

from functools import cache

from jsonargparse import Namespace
from pytorch_lightning.cli import ArgsType, LightningArgumentParser
from typing_extensions import override

from lr_lightning.commands.fit.training import RunCLI, prepare


@cache
def fit_parser() -> LightningArgumentParser:
    """Return the parser of ``lr-lightning fit``, except that model and data are optional.

    Parts of a config can then be parsed one by one. Constructing the parser takes a quarter of a second.
    """
    return prepare(["fit", "--config=none"], _ParserOnly)._parser("fit")


class _ParserOnly(RunCLI):
    """A command line that parses no arguments and constructs nothing."""

    @override
    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_lightning_class_args(self.trainer_class, "trainer")
        parser.add_lightning_class_args(self._model_class, "model", subclass_mode=True, required=False)
        parser.add_lightning_class_args(self._datamodule_class, "data", subclass_mode=True, required=False)

    @override
    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        # without a seed, so that the global random state stays as it is
        self.config = Namespace(subcommand="fit", fit=Namespace(seed_everything=False))  # type: ignore[no-untyped-call]

    @override
    def before_instantiate_classes(self) -> None:
        pass

    @override
    def instantiate_classes(self) -> None:
        pass
