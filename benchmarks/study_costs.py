"""What the study of 12,600 models costs here and elsewhere, from measured rates; writes the tables of docs/scale.md.

python benchmarks/study_costs.py            # prints them
python benchmarks/study_costs.py --write    # after a rate below was measured anew

The rates are numbers of docs/benchmarks.md and docs/performance.md, where their conditions are stated.
"""

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

from measuring import Table

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
BEGIN, END = "<!-- costs: begin (written by benchmarks/study_costs.py) -->", "<!-- costs: end -->"
NUM_RUNS, STEPS, SEEDS = 12_600, 300_000, 16
HOUR, DAY, YEAR = 3600.0, 86_400.0, 365.25 * 86_400


@dataclass(frozen=True)
class Measured:
    """Measured rates, and where they are from.

    Attributes:
        cpu: Steps per second on two CPU cores.
        gpu: Steps per second on a GPU without CUDA graphs.
        graph: The same with CUDA graphs.
        ensemble: The same for 16 seeds in one job.
        start: Seconds to the first step of a run in a new process.
        evaluation: Seconds of the evaluation on two CPU cores.
    """

    cpu: float = 535 / 64
    gpu: float = 127
    graph: float = 977
    ensemble: float = 187
    start: float = 13.2
    evaluation: float = 46.8 + 58.5 + 2.62 + 0.47 + 0.20


_SOURCES = {
    "cpu": "steps/s on two CPU cores, float32: 535 images/s, batch 64 (benchmarks.md)",
    "gpu": "steps/s on one H200 (performance.md)",
    "graph": "the same with `updates_per_batch` 50 (performance.md)",
    "ensemble": f"the same with {SEEDS} seeds in one job (performance.md)",
    "start": "s to the first step in a new process (benchmarks.md)",
    "evaluation": "s of the evaluation on two CPU cores: default scores and four assays (benchmarks.md)",
}


@dataclass(frozen=True)
class Way:
    """A way to train and evaluate the study, one job at a time.

    Attributes:
        name: Name in the table.
        steps_per_second: Steps of one job per second.
        seeds: Runs that one job trains together.
    """

    name: str
    steps_per_second: float
    seeds: int = 1

    def seconds_per_run(self, measured: Measured) -> tuple[float, float]:
        """Return seconds of training and of evaluation of one run; a job starts once and evaluates each of its runs."""
        return (STEPS / self.steps_per_second + measured.start) / self.seeds, measured.evaluation


def ways(measured: Measured) -> list[Way]:
    """Return the ways that were measured."""
    return [
        Way("two CPU cores", measured.cpu),
        Way("one GPU", measured.gpu),
        Way("one GPU, CUDA graphs", measured.graph),
        Way(f"one GPU, CUDA graphs, {SEEDS} seeds per job", measured.ensemble, SEEDS),
    ]


def tables(measured: Measured) -> str:
    """Return the two tables as markdown."""
    inputs = Table("", ["measured", "value"], [[_SOURCES[f.name], getattr(measured, f.name)] for f in fields(measured)])
    costs = Table("", ["", "training, s per run", "evaluation, s per run", "12,600 runs", "on eight of them"], [])
    for way in ways(measured):
        training, evaluation = way.seconds_per_run(measured)
        total = NUM_RUNS * (training + evaluation)
        costs.rows.append([way.name, training, evaluation, duration(total), duration(total / 8)])
    return "\n\n".join(table.markdown().split("\n\n", 1)[1].strip() for table in (inputs, costs))


def duration(seconds: float) -> str:
    """Return a long time in hours and in the largest fitting unit."""
    large = f"{seconds / YEAR:.1f} years" if seconds > YEAR else f"{seconds / DAY:.1f} days"
    return f"{seconds / HOUR:,.0f} h ({large})"


def with_tables(page: str, text: str) -> str:
    """Return ``page`` with ``text`` between its two markers.

    Raises:
        ValueError: If a marker is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page must contain the lines {BEGIN!r} and {END!r}, in this order")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def main() -> None:
    """Print the tables, or write them to the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write them to docs/{PAGE.name}")
    text = tables(Measured())
    if parser.parse_args().write:
        PAGE.write_text(with_tables(PAGE.read_text(), text))
    else:
        print(text)


if __name__ == "__main__":
    main()
