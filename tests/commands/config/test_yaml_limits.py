"""A config is checked before it is parsed, so that it cannot hang the parser or fill the memory."""

import re
from pathlib import Path

import pytest

from lr_lightning.cli import main
from lr_lightning.commands.config.yaml_limits import check_config_file

TENFOLD = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))
BAD = {
    "aliases of aliases": (f"a0: &a0 [x]\n{TENFOLD}model: *a9\n".encode(), "100,000 values"),
    "a cycle": (b"model: &model\n  class_path: VAE\n  init_args: *model\n", r"\*model in line 3"),
    "brackets": (b"model: " + b"[" * 3000 + b"]" * 3000, "line 1"),
    "levels": (b"".join(b" " * i + b"a:\n" for i in range(200)), "100 levels"),
    "no text": (b"model: \xff", "UTF-8"),
    "no YAML": (b"model: VAE\ndata: [1\n", "line 3"),
    "too large": (b"#" * (2**24 + 1), "16,777,217 bytes"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_config_that_cannot_be_one_is_refused(name: str) -> None:
    content, problem = BAD[name]
    path = Path("damaged.yaml")
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^damaged\.yaml .*{problem}"):
        check_config_file(path)


def test_aliases_are_as_good_as_what_they_repeat() -> None:
    Path("config.yaml").write_text("a: &a {x: 1}\nb: *a\nc: [*a, *a]\n")
    check_config_file(Path("config.yaml"))


def test_fit_refuses_it_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    Path("damaged.yaml").write_bytes(BAD["a cycle"][0])
    with pytest.raises(SystemExit, match="2"):
        main(["fit", "--config=damaged.yaml"])
    assert re.search(r"damaged\.yaml.*\*model.* 3", capsys.readouterr().err)
