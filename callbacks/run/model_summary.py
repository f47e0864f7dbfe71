"""A table of the model's modules, printed before training."""

from typing import Any

from pytorch_lightning.callbacks import ModelSummary
from pytorch_lightning.utilities.model_summary.model_summary import get_human_readable_count
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typing_extensions import override


class RunModelSummary(ModelSummary):
    """Lightning's table of modules and parameters, without columns that need an example input."""

    @staticmethod
    @override
    def summarize(
        summary_data: list[tuple[str, list[str]]],
        total_parameters: int,
        trainable_parameters: int,
        model_size: float,
        total_training_modes: dict[str, int],
        total_flops: int,
        **summarize_kwargs: Any,
    ) -> None:
        """Print the table; ``model_size`` is in MB."""
        columns = {name: values for name, values in summary_data if name in ("Name", "Type", "Params")}
        table = Table()
        for name in columns:
            table.add_column(name, justify="right" if name == "Params" else "left")
        for row in zip(*columns.values(), strict=True):
            table.add_row(*map(escape, row))
        console = Console(highlight=False, force_jupyter=False)  # as for the summary of a run
        console.print(table)
        fixed = total_parameters - trainable_parameters
        counts = [f"{get_human_readable_count(trainable_parameters).strip()} trainable parameters"]
        if fixed:
            counts.append(f"{get_human_readable_count(fixed).strip()} fixed")
        console.print(f"{', '.join(counts)}, {model_size:.3g} MB", soft_wrap=True)
