"""``lr-lightning score`` from the command line."""

import csv
import json
import re
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lr_lightning.commands.score.command import main
from lr_lightning.metrics.registry import METRICS
from lr_lightning.metrics.suite import Progress
from tests.metrics.cases import REFERENCE, reference_case

FILE = str(REFERENCE / "noise_and_leak.npz")
SPLIT = ["--num_train", "2000", "--num_test", "1000"]


def scores(path: str) -> dict[str, float]:
    return {row["name"]: row["value"] for row in json.loads(Path(path).read_text())}


def test_scores_a_file_of_any_framework(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([FILE, "--metrics", "mig, sap_r2,modularity,irs", *SPLIT, "--out", "table.json"]) == 0
    expected = reference_case("noise_and_leak")[2]
    found = scores("table.json")
    for name, reference in (
        ("mig", "mig"),
        ("sap_r2", "sap_continuous"),
        ("modularity", "modularity"),
        ("irs_q99", "irs_q99"),
    ):
        assert found[name] == pytest.approx(expected[reference], abs=1e-6)
    printed = capsys.readouterr().out
    assert "2,000 of 3,000 rows" in printed
    assert "\n mig " in printed
    assert "0.675" in printed
    assert "wrote table.json" in printed


def test_the_title_tells_the_rows_of_the_split_also_for_scores_of_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    command = [FILE, "--metrics", "factor_vae_score", "--levels", "none", "--order", "random"]
    assert main([*command, "--num_train", "2000", "--num_test", "900"]) == 0
    assert "2,000 of 3,000 rows and 900 held out" in capsys.readouterr().out  # though pairs come from the whole table


def test_the_title_has_the_rows_alone_if_all_are_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([FILE, "--metrics", "mig", "--levels", "none", "--num_train", "3000"]) == 0
    assert f"{FILE}: 3,000 rows, seed 0" in capsys.readouterr().out.splitlines()


def test_rows_are_drawn_unless_their_numbers_are_given() -> None:
    command = [FILE, "--metrics", "mig", "--out", "table.json"]
    found = []
    for options in (
        [],
        ["--seed", "1"],
        ["--num_train", "2000"],
        ["--num_train", "1500", "--order", "random"],
        [],
        ["--num_test", "1000"],
    ):
        assert main([*command, *options]) == 0
        found.append(scores("table.json")["mig"])
    assert found[0] == found[4]
    assert found[2] == found[5]  # the first 2,000 both times
    assert len(set(found)) == 4


def test_standard_errors_and_active_latents(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--num_repeats", "3", "--truncated", "--out", "table.csv"]
    assert main([FILE, "--metrics", "mig", *options]) == 0
    printed = capsys.readouterr().out
    assert "± s.e." in printed
    assert "over new rows" in printed
    assert "mig_active" in Path("table.csv").read_text()
    with Path("table.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            assert float(row["low"]) < float(row["value"]) < float(row["high"])
            assert row["error_over"] == "rows"


def test_figures_of_distinct_matrices() -> None:
    assert main([FILE, "--metrics", "mig,dcimig,sap_r2", *SPLIT, "--figures", "figures"]) == 0
    assert sorted(path.name for path in Path("figures").iterdir()) == ["mig.png", "sap_r2.png"]
    with Image.open("figures/mig.png") as image:
        assert image.width > 400


def test_names_with_brackets_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("[bold]run[")
    folder.mkdir()
    (folder / "codes.npz").write_bytes(Path(FILE).read_bytes())
    command = [f"{folder}/codes.npz", "--metrics", "mig", "--out", f"{folder}/[/].json", "--figures", f"{folder}/[/]"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    for text in (
        "[bold]run[/codes.npz: 2,000 of 3,000 rows",
        "wrote [bold]run[/[/].json",
        "wrote figures to [bold]run[/[/]",
    ):
        assert text in printed


def test_interrupted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lr_lightning.metrics.suite.DisentanglementSuite.run", interrupt)
    assert main([FILE]) == 130
    assert capsys.readouterr().err == "lr-lightning score: interrupted\n"


def test_notes_tell_what_is_undefined(capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("one.npz", codes=np.linspace(0, 1, 90)[:, None], factors=np.arange(90)[:, None] % 3)
    assert main(["one.npz", "--metrics", "mig", "--out", "table.json"]) == 0
    printed = capsys.readouterr().out
    assert " nan " in printed
    assert "note: mig is undefined: it needs two latents" in printed
    assert scores("table.json") == {"mig": None}


def test_a_note_is_given_once_for_all_repeats(capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("one.npz", codes=np.linspace(0, 1, 90)[:, None], factors=np.arange(90)[:, None] % 3)
    assert main(["one.npz", "--metrics", "mig", "--num_repeats", "3"]) == 0
    assert capsys.readouterr().out.count("note: mig is undefined") == 1


def test_long_names_are_not_cut_where_the_output_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([FILE, "--metrics", "infomec,modularity", "--truncated", "--num_repeats", "2"]) == 0
    printed = capsys.readouterr().out
    assert "modularity_informative_active" in printed
    assert "…" not in printed


def test_log_variances_reach_the_metrics_and_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int, int]] = []

    @contextmanager
    def tell() -> Iterator[Progress]:
        yield lambda *call: told.append(call)

    monkeypatch.setattr("lr_lightning.commands.score.command._progress", tell)
    codes = np.random.default_rng(0).normal(size=(300, 3))
    np.savez("codes.npz", codes=codes, log_variances=np.full_like(codes, -2.0))
    assert main(["codes.npz", "--metrics", "kl_per_latent,active_units", "--out", "table.json"]) == 0
    assert told == [("kl_per_latent", 0, 2), ("active_units", 1, 2)]
    assert all(value is not None for value in scores("table.json").values())


def test_where_results_go_is_checked_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> None:
        pytest.fail("computed")

    monkeypatch.setattr("lr_lightning.metrics.suite.DisentanglementSuite.run", run)
    Path("file").touch()
    assert main([FILE, "--out", "table.txt"]) == main([FILE, "--figures", "file"]) == 1


def test_a_table_without_columns_counts_as_no_factors(capsys: pytest.CaptureFixture[str]) -> None:
    codes = np.random.default_rng(0).normal(size=(60, 3))
    outputs = []
    for name, arrays in (("a.npz", {}), ("b.npz", {"factors": np.empty((60, 0), int)})):
        np.savez(name, codes=codes, **arrays)  # type: ignore[arg-type]
        assert main([name]) == 0
        outputs.append([line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:]])
    assert outputs[0] == outputs[1]


def test_without_factors_scores_what_needs_none() -> None:
    np.savez("codes.npz", codes=np.random.default_rng(0).normal(size=(300, 3)))
    assert main(["codes.npz", "--out", "table.json"]) == 0
    assert "active_units" in scores("table.json")


def test_list_names_metrics_and_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    printed = capsys.readouterr().out
    assert str(METRICS["mig"].__doc__).split(";")[0] in printed
    assert "default" in printed


def zip_of(path: str, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def npy(shape: object, descr: str = "<f4", content: bytes = b"") -> bytes:
    """An array as NumPy writes it, whatever its header claims."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


def test_claims_are_checked_before_any_memory_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    zip_of("rows.npz", {"codes.npy": npy((10**12, 2))})
    zip_of("more.npz", {"codes.npy": npy((10**30, 2))})
    zip_of("negative.npz", {"codes.npy": npy((-1, 2))})
    zip_of("nested.npz", {"codes.npy": npy("(" * 3000)})
    zip_of("text.npz", {"codes.npy": npy((1, 2), "<U2", bytes(16))})
    zip_of("bzip2.npz", {"codes.npy": npy((2, 2), content=bytes(16))}, zipfile.ZIP_BZIP2)
    zip_of("plain.npz", {"codes.npy": npy((2, 2), content=bytes(16))}, zipfile.ZIP_STORED)
    plain = Path("plain.npz").read_bytes()
    entry = plain.index(b"PK\x01\x02")
    Path("secret.npz").write_bytes(plain[:6] + b"\x01" + plain[7 : entry + 8] + b"\x01" + plain[entry + 9 :])
    Path("unknown.npz").write_bytes(plain[:8] + b"\x63" + plain[9 : entry + 10] + b"\x63" + plain[entry + 11 :])
    with zipfile.ZipFile("bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("codes.npy", "w") as member:
        member.write(npy((20_000_000, 1)) + bytes(80_000_000))
    tracemalloc.start()
    try:
        for name, message in {
            "rows": r"rows\.npz is no \.npz file of plain numeric arrays \(.*got 0 of 8000000000000 bytes",
            "more": r"more\.npz is no .*not an array \(its shape is \(1000",
            "negative": r"negative\.npz is no .*not an array \(its shape is \(-1, 2\)",
            "nested": r"nested\.npz is no .*not an array",
            "text": r"text\.npz is no .*'codes' .*<U2",
            "bzip2": r"bzip2\.npz is no .*compressed",
            "secret": r"secret\.npz is no .*encrypted",
            "unknown": r"unknown\.npz is no .*compressed",
            "bomb": r"codes may have 2,000,000 rows and 67,108,864 entries, got shape \(20000000, 1\); keep",
        }.items():
            assert main([f"{name}.npz"]) == 1
            [line] = capsys.readouterr().err.splitlines()
            assert re.search(message, line)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def test_numbers_of_any_byte_order_and_precision_score_alike() -> None:
    with np.load(FILE) as file:
        codes, factors = np.float32(file["codes"]), file["factors"]
    found = []
    for like in (codes, codes.astype(">f4"), codes.astype(np.longdouble), np.asfortranarray(codes, ">f8")):
        for labels in (factors, factors.astype(">i2"), factors.astype(float), np.asfortranarray(factors, np.float16)):
            np.savez("codes.npz", codes=like, factors=labels)
            assert main(["codes.npz", "--metrics", "mig", *SPLIT, "--out", "table.json"]) == 0
            found.append(scores("table.json")["mig"])
    assert found == [pytest.approx(found[0], abs=1e-12)] * len(found)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"codes": (1500, 4), "factors": (4, 1500)}, r"codes \(1500, 4\) and factors \(4, 1500\) .*; write factors\.T"),
        ({"codes": (4, 1500), "factors": (1500, 6)}, r"codes \(4, 1500\) and factors \(1500, 6\) .*; write codes\.T"),
        (
            {"codes": (1500, 4), "factors": (1400, 6)},
            r"codes \(1500, 4\) and factors \(1400, 6\) .*keep the same samples",
        ),
        ({"codes": (1500, 4), "log_variances": (4, 1500)}, r"log_variances \(4, 1500\) .*; write log_variances\.T"),
        (
            {"codes": (4, 1500), "factors": (4, 6)},
            r"codes \(4, 1500\) has fewer rows .*; write codes\.T, or add --few_rows",
        ),
        ({"codes": (4, 2), "factors": (4, 1500)}, r"factors \(4, 1500\) has fewer rows .*; write factors\.T"),
    ],
)
def test_a_transposed_table_is_refused_with_the_fix(
    arrays: dict[str, tuple[int, int]], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(0)
    made = {
        name: random.integers(3, size=shape) if name == "factors" else random.normal(size=shape)
        for name, shape in arrays.items()
    }
    np.savez("codes.npz", **made)  # type: ignore[arg-type]
    assert main(["codes.npz", "--metrics", "mig"]) == 1
    assert re.search(message, capsys.readouterr().err)


def test_few_rows_are_scored_on_request() -> None:
    np.savez("codes.npz", codes=np.random.default_rng(0).normal(size=(9, 12)), factors=np.arange(9)[:, None] % 2)
    assert main(["codes.npz", "--metrics", "mig", "--few_rows"]) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 1, "missing argument"),
        (["nowhere.npz"], 1, "there is no file nowhere.npz"),
        (["other.npz"], 1, "other.npz has no array 'codes'; it has latents"),
        (["pickled.npz"], 1, "pickled.npz is no .npz file of plain numeric arrays"),
        (["text.npz"], 1, "text.npz is no .npz file"),
        (["empty.npz"], 1, "empty.npz is no .npz file"),
        (["short.npz"], 1, "short.npz is no .npz file"),
        (["damaged.npz"], 1, "damaged.npz is no .npz file"),
        (["one_array.npy"], 1, "one_array.npy is no .npz file"),
        ([FILE, "--metrics", "mig", "--figures", "text.npz"], 1, "text.npz is a file"),
        ([FILE, "--metrics", "mgi"], 1, "there is no metric 'mgi'; did you mean mig?"),
        ([FILE, "--metrics", ""], 1, "metrics is empty"),
        ([FILE, "--out", "table.txt"], 1, "a table can be written to .json, .csv, .parquet, not to 'table.txt'"),
        ([FILE, "--num_train", "2500", "--num_test", "600"], 1, "exceed the 3000 rows given"),
        ([FILE, "--num_train", "1"], 1, "num_train must be at least 2, got 1"),
        ([FILE, "--num_repeats", "0"], 1, "num_repeats must be at least 1, got 0"),
        ([FILE, "--num_repeats", "2", *SPLIT], 1, "needs --order random"),
        ([FILE, "--seed", "-1"], 1, "seed must be at least 0, got -1"),
        ([FILE, "--metrik", "mig"], 2, "unrecognized arguments: --metrik"),
        (["nofactors.npz", "--metrics", "mig"], 1, "factors are missing, which mig need"),
    ],
)
def test_wrong_use_is_one_sentence(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("other.npz", latents=np.zeros((3, 2)))
    np.savez("nofactors.npz", codes=np.random.default_rng(0).normal(size=(30, 2)))
    np.savez("pickled.npz", codes=np.array([{"a": 1}], dtype=object))
    Path("text.npz").write_text("not an archive")
    Path("empty.npz").touch()
    np.save("one_array.npy", np.zeros((3, 2)))
    archive = Path("other.npz").read_bytes()
    Path("short.npz").write_bytes(archive[: len(archive) // 2])
    np.savez_compressed("damaged.npz", codes=np.random.default_rng(0).normal(size=(30, 2)))
    archive = Path("damaged.npz").read_bytes()
    Path("damaged.npz").write_bytes(archive[:100] + bytes(8) + archive[108:])
    assert main(arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_samples_of_posteriors(capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    factors = random.integers(5, size=(900, 2))
    np.savez("means.npz", codes=factors.astype(float), factors=factors, log_variances=np.zeros((900, 2)))
    found = []
    for options in (["--codes", "sample"], ["--codes", "sample"], ["--codes", "sample", "--seed", "1"], []):
        assert main(["means.npz", "--metrics", "mig", "--out", "table.json", *options]) == 0
        [row] = json.loads(Path("table.json").read_text())
        assert row["codes"] == ("sample" if options else "mean")
        assert ("posterior samples" in capsys.readouterr().out) == bool(options)
        found.append(row["value"])
    assert found[0] == found[1]
    assert len(set(found)) == 3
    assert max(found[:3]) < 0.6 < 0.9 < found[3]  # noise of variance 1 hides values that are 1 apart


def test_a_file_of_samples_is_scored_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    factors = random.integers(5, size=(300, 2))
    np.savez("samples.npz", codes=factors + random.normal(size=(300, 2)), factors=factors, sample_seed=0)
    assert main(["samples.npz", "--metrics", "mig,active_units,rmig", "--out", "table.json"]) == 0
    rows = json.loads(Path("table.json").read_text())
    assert [(row["name"], row["codes"]) for row in rows] == [("mig", "sample")]
    assert "note: active_units, rmig left out" in capsys.readouterr().out
    for options, message in ((["--codes", "sample"], "--codes sample"), (["--metrics", "rmig"], "rmig")):
        assert main(["samples.npz", *options]) == 1
        assert message in capsys.readouterr().err


def test_samples_need_log_variances(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([FILE, "--metrics", "mig", "--codes", "sample"]) == 1
    assert "log-variances" in capsys.readouterr().err
