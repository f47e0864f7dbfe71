"""The example package in docs/extending.md, built, installed and used from the command line."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.installed import Outcome, install, run_commands, run_python

PAGE = (Path(__file__).parents[1] / "docs" / "extending.md").read_text()
GROUPS = ("metrics", "assays", "data_sets", "models", "networks")

FIT = """
seed_everything: 0
model: {class_path: FreeBitsVAE, init_args: {network: LinearNetwork}}
data: {class_path: FactorDataModule, init_args: {dataset: Disks, batch_size: 16, val_size: 64}}
assays:
  mine: toy_lab.drift.DriftAssay
  scores: {class_path: DisentanglementAssay, init_args: {metrics: [mig, peak_correlation], final_metrics: []}}
trainer: {max_epochs: 1, default_root_dir: runs/named, enable_progress_bar: false}
"""

COMMANDS = {
    "score": "score codes.npz --metrics mig,peak_correlation_ranks,toy_lab.peak_correlation.PeakCorrelation "
    "--out scores.json",
    "metrics": "score --list",
    "assays": "assay --list",
    "sets": "data list",
    "info": "data info disks",
    "info of a class": "data info toy_lab.disks.Disks",
    "prepare": "data prepare disks",
    "preview": "data preview disks preview.png",
    "preview of a class": "data preview toy_lab.disks.Disks again.png",
    "fit": "fit --config fit.yaml",
    "fit by names": "fit --config fit.yaml --data.dataset disks --assays.mine drift --trainer.max_epochs 0 "
    "--trainer.default_root_dir runs/names",
    "fit by paths": "fit --config fit.yaml --model toy_lab.free_bits_vae.FreeBitsVAE --model.minimum 0.25 "
    "--model.network toy_lab.linear_network.LinearNetwork --data.dataset toy_lab.disks.Disks "
    "--assays.scores.metrics=[toy_lab.peak_correlation.PeakCorrelation] --trainer.default_root_dir runs/paths",
    "report": "assay runs/named --out report --assays drift,disentanglement --trainer.enable_progress_bar false",
}


def install_entry_points(site: Path, package: str, lines: dict[str, str]) -> Path:
    """Write what an installer leaves behind of a package with these entry points by group."""
    folder = site / f"{package}-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    sections = [f"[lr_lightning.{group}]\n{line}\n" for group, line in lines.items()]
    (folder / "entry_points.txt").write_text("\n".join(sections))
    return site


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the example, as the page shows them."""
    folder = tmp_path_factory.mktemp("toy_lab")
    files = re.findall(r"^\*\*`([\w/.]+)`\*\*\n\n```\w+\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    for name, content in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    assert {"pyproject.toml", "toy_lab/drift.py", "tests/test_toy_lab.py"} < dict(files).keys()
    return folder


@pytest.fixture(scope="module")
def site(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed example."""
    site = tmp_path_factory.mktemp("site")
    install(project, site)
    return site


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder where commands run, with codes to score and a config."""
    folder = tmp_path_factory.mktemp("workplace")
    factors = np.stack(np.meshgrid(range(5), range(6), range(7)), axis=-1).reshape(-1, 3)
    np.savez(folder / "codes.npz", codes=factors.astype(np.float32) ** 3, factors=factors)
    (folder / "fit.yaml").write_text(FIT)
    return folder


@pytest.fixture(scope="module")
def outcomes(site: Path, workplace: Path) -> dict[str, Outcome]:
    """Each of :data:`COMMANDS`, run beside the example with a package that cannot be imported."""
    broken = install_entry_points(
        workplace / "broken", "broken", dict.fromkeys(GROUPS, "broken = no_such_package:Thing")
    )
    found = run_commands(list(COMMANDS.values()), workplace, site, broken)
    return dict(zip(COMMANDS, found, strict=True))


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_succeed(name: str, outcomes: dict[str, Outcome]) -> None:
    assert outcomes[name].code == 0, outcomes[name].printed


def test_metrics_are_scored_by_name_and_by_path(outcomes: dict[str, Outcome], workplace: Path) -> None:
    rows = {row["name"]: row for row in json.loads((workplace / "scores.json").read_text())}
    assert {"mig", "peak_correlation", "peak_correlation_ranks"} <= rows.keys()
    assert rows["peak_correlation_ranks"]["value"] == pytest.approx(1.0)
    assert rows["peak_correlation"]["chance"] < 0.1 < rows["peak_correlation"]["value"] < 0.95  # of cubes
    assert rows["peak_correlation"]["ceiling"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("name", "entry", "text"),
    [
        ("metrics", "peak_correlation", "Largest squared correlation of each factor with a latent"),
        ("metrics", "peak_correlation_ranks", "Largest squared correlation"),
        ("assays", "drift", "How far one decode-encode round trip moves codes"),
        ("sets", "disks", "192"),
    ],
)
def test_lists_describe_the_example(name: str, entry: str, text: str, outcomes: dict[str, Outcome]) -> None:
    assert re.search(rf"^{entry} .*{text}", outcomes[name].printed, re.MULTILINE)


@pytest.mark.parametrize("name", ["metrics", "assays", "sets"])
def test_what_cannot_be_imported_is_listed_with_the_reason(name: str, outcomes: dict[str, Outcome]) -> None:
    assert re.search(r"^broken .*no_such_package", outcomes[name].printed, re.MULTILINE)


def test_data_set_is_described_and_drawn(outcomes: dict[str, Outcome], workplace: Path) -> None:
    for name in ("info", "info of a class"):
        assert re.search(r"radius\W+3\W+4, 8, 12", outcomes[name].printed)
    assert "toy_lab.disks.Disks" in outcomes["prepare"].printed
    assert (workplace / "preview.png").read_bytes() == (workplace / "again.png").read_bytes()


def test_a_run_uses_model_network_data_assay_and_metric(outcomes: dict[str, Outcome], workplace: Path) -> None:
    for run_ in ("named", "paths"):
        scalars = json.loads((workplace / "runs" / run_ / "results.json").read_text())["fit"]["scalars"]
        assert {"val/free_bits", "assay/mine/total", "metric/peak_correlation/score"} <= scalars.keys(), run_
    config = (workplace / "runs" / "paths" / "config.yaml").read_text()
    assert "minimum: 0.25" in config
    assert re.search(r"Drift \[sd\]\W+\d", outcomes["fit"].printed)  # in the summary at the end


def test_the_report_has_caption_and_interpretation(outcomes: dict[str, Outcome], workplace: Path) -> None:
    page = (workplace / "report" / "index.html").read_text()
    assert "At 1 (dashed), it moves as far as it varies." in page
    assert re.search(r"One round trip moves codes by \d+% of their standard deviation\.", page)


def test_two_packages_with_one_name_are_both_named(site: Path, tmp_path: Path) -> None:
    taken = {"metrics": "peak_correlation", "assays": "drift", "data_sets": "disks"}
    other = install_entry_points(
        tmp_path / "other", "other", {group: f"{name} = other_lab:Other" for group, name in taken.items()}
    )
    found = run_commands(["score --list", "assay --list", "data list"], tmp_path, site, other)
    for name, (code, printed) in zip(taken.values(), found, strict=True):
        assert code == 0  # all others are listed
        assert re.search(rf"{name}.*(toy_lab.*other_lab|other_lab.*toy_lab)", printed, re.DOTALL)


def test_the_tests_of_the_example_pass(project: Path, site: Path) -> None:
    printed = run_python(["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"], project, site)
    assert int(re.findall(r"(\d+) passed", printed)[0]) > 50
