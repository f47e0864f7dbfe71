"""The tables of docs/reproductions.md."""

import ast
import re
from pathlib import Path

import pytest
from reproductions_page import PAGE

ROOT = Path(__file__).parents[2]
FILES = {
    "released_vae.csv": """\
code,traversals,draw,matrix,row,latent_0,latent_1
lr_lightning,10,0,conditioned,0,2.0,0.0
lr_lightning,10,0,conditioned,1,0.0,1.0
lr_lightning,10,0,response,0,1.0,0.2
lr_lightning,10,0,response,1,0.2,0.8
lr_lightning,10,1,conditioned,1,0.0,1.0
lr_lightning,10,1,conditioned,0,2.0,2.0
authors,2,0,conditioned,0,1.0,1.0
authors,2,0,conditioned,1,1.0,1.0
authors,2,0,response,0,0.72,0.1
authors,2,0,response,1,0.2,0.6
""",
    "disentangling_vae.csv": """\
model,quantity,obtained,reference
VAE,recon_loss,4.0,5.0
VAE,kl_loss,22.0,21.0
VAE,kl_loss_0,3.0,3.5
VAE,kl_loss_1,2.0,1.75
""",
    "fixtures.csv": """\
function,score,codes,obtained,reference
f,s,b,inf,inf
f,s,a,0.5,0.25
""",
    "small_leeb2022.csv": """\
objective,seed,name,value
VAE,0,dci_lightgbm_disentanglement,0.25
VAE,0,mig,0.125
VAE,0,irs_q99,0.5
VAE,0,modularity,0.75
VAE,0,assay/conditioned_response/cds_norm,0.625
VAE,0,assay/conditioned_response/ccs_norm,0.375
VAE,0,other,3
""",
    "companion_references.csv": "model,dci,mig,irs,modularity\nVAE,0.314,0.138,0.607,0.892\nAE,1,1,1,1\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def page_of(folder: Path) -> str:
    sections = (f"# {name}\n{begin}\nold\n{end}" for name in PAGE.tables for begin, end in [PAGE.markers(name)])
    return PAGE.with_tables("\n".join(sections), folder)


def test_the_page_shows_the_numbers_of_the_files() -> None:
    text = PAGE.path.read_text()
    assert PAGE.with_tables(text) == text, "run python benchmarks/reproductions_page.py"


def test_every_file_of_the_page_has_a_table(folder: Path) -> None:
    assert {path.name for path in PAGE.folder.iterdir()} <= {*FILES, "small_leeb2022_coverage.csv"}
    text = page_of(folder)
    assert "old" not in text
    assert sum(line.startswith("| --- |") for line in text.splitlines()) == 4


def test_scores_of_all_draws_together(folder: Path) -> None:
    text = page_of(folder)
    assert "| obtained, 2 x 10 traversals | reference: the authors' code, 1 x 2 traversals |" in text
    # the mean of both draws is [[2, 1], [0, 1]]: 3 of 4 are the largest of their latent; alone, 3 of 3 and 4 of 5
    assert "| CDS | 0.750 (0.800-1.000) | 0.500 |" in text


def test_the_graph_of_latents_is_in_the_convention_of_the_paper(folder: Path) -> None:
    text = page_of(folder)
    assert "| active latents (response above .5) | 2 | 1 |" in text  # .6 times the root of 1/2 is .42
    assert "| pairs of latents that affect each other (above .1) | 1 | 0 |" in text


def test_a_code_that_has_not_been_measured(folder: Path) -> None:
    text = "".join(line for line in FILES["released_vae.csv"].splitlines(keepends=True) if "authors" not in line)
    (folder / "released_vae.csv").write_text(text)
    assert "| quantity | obtained, 2 x 10 traversals |\n" in page_of(folder)


def test_a_table_without_a_file(folder: Path) -> None:
    (folder / "small_leeb2022.csv").unlink()
    assert page_of(folder).count("Not measured yet.") == 1


def test_losses(folder: Path) -> None:
    assert "| `VAE` | 22.00000 / 21.00000 | 4.00000 / 5.00000 | 5.0e-01 |" in page_of(folder)


def test_values_that_are_infinite_in_both_do_not_differ(folder: Path) -> None:
    assert "| `f` | `s` | 0.500 / 0.250 | inf / inf | 2.5e-01 |" in page_of(folder)


def test_scores_of_the_study_beside_those_of_full_training(folder: Path) -> None:
    expected = "| VAE | 0.250 / 0.314 | 0.125 / 0.138 | 0.500 / 0.607 | 0.750 / 0.892 | 0.625 | 0.375 |"
    assert expected in page_of(folder)


def test_a_missing_marker(folder: Path) -> None:
    with pytest.raises(ValueError, match="released_vae: begin"):
        PAGE.with_tables("no table", folder)


def test_tests_that_the_page_names_exist() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE.path.read_text())
    assert len(named) >= 10
    for path, name in named:
        defined = {node.name for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, ast.FunctionDef)}
        assert name in defined, (path, name)
