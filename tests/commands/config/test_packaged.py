"""Configs by name, and the command that lists and prints them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from lr_lightning.commands.config import command
from lr_lightning.commands.config.includes import read_config
from lr_lightning.commands.config.packaged import description, find_config, packaged_names
from lr_lightning.commands.messages import UsageError
from lr_lightning.configs import CONFIG_FOLDER


def test_names_are_those_of_the_training_configs() -> None:
    assert {"quickstart", "helix", "dsprites_betavae"} <= set(packaged_names())
    assert not {"assays", "study", "small_dsprites", "__init__"} & set(packaged_names())
    for name in packaged_names():
        assert "model" in read_config(find_config(name))


def test_an_existing_file_wins_over_a_name() -> None:
    assert find_config("helix") == CONFIG_FOLDER / "helix.yaml"
    Path("helix.yaml").write_text("a: 1")
    assert find_config("helix") == CONFIG_FOLDER / "helix.yaml"
    assert find_config("helix.yaml") == Path("helix.yaml")
    Path("helix").mkdir()
    assert find_config("helix") == CONFIG_FOLDER / "helix.yaml"
    Path("helix").rmdir()
    Path("helix").write_text("a: 2")
    assert find_config("helix").read_text() == "a: 2"


def test_relative_paths_start_beside_a_file() -> None:
    Path("mine").mkdir()
    Path("mine/base.yaml").write_text("a: 1")
    assert find_config("base.yaml", Path("mine")) == Path("mine/base.yaml")
    assert find_config(Path("mine/base.yaml").absolute(), Path("elsewhere")).is_file()
    with pytest.raises(UsageError, match=r"base\.yaml"):
        find_config("base.yaml")


@pytest.mark.parametrize("name", ["quickstrat", "configs/quickstart.yml", "quickstart.yaml", "~/quickstarts.yaml"])
def test_an_unknown_name_is_reported_with_close_ones(name: str) -> None:
    with pytest.raises(UsageError, match=r"did you mean quickstart\b") as caught:
        find_config(name)
    assert repr(name) in str(caught.value)


def test_without_a_close_name_the_message_refers_to_the_list() -> None:
    with pytest.raises(UsageError, match=r"'xyz'.*lr-lightning configs"):
        find_config("xyz")


def test_a_packaged_config_can_be_included_by_name() -> None:
    Path("mine.yaml").write_text("{include: helix, seed_everything: 3}")
    expected: dict[str, Any] = read_config(CONFIG_FOLDER / "helix.yaml")
    assert read_config(Path("mine.yaml")) == expected | {"seed_everything": 3}
    Path("mine.yaml").write_text("include: hellix")
    with pytest.raises(UsageError, match=r"mine\.yaml includes 'hellix'.*did you mean helix\?"):
        read_config(Path("mine.yaml"))


def test_a_description_is_the_comment_on_top(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("# Trains\n# well.\n#   lr-lightning fit\n# More.\na: 1\n")
    assert description(path) == "Trains well."
    path.write_text("# Trains\n\n# well.\n")
    assert description(path) == "Trains"
    path.write_text("a: 1  # no comment on top\n")
    assert description(path) == ""


def test_the_list_describes_every_config(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == packaged_names()
    assert all(len(line.split()) > 4 for line in lines)


@pytest.mark.parametrize("name", ["quickstart", "factor_vae"])
def test_a_printed_config_works_anywhere(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([name]) == 0
    Path("my.yaml").write_text(capsys.readouterr().out)
    assert Path("my.yaml").read_bytes() == (CONFIG_FOLDER / f"{name}.yaml").read_bytes()
    assert yaml.safe_dump(read_config(Path("my.yaml"))) == yaml.safe_dump(read_config(find_config(name)))


def test_wrong_names_exit_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["hellix"]) == 2
    assert "did you mean helix?" in capsys.readouterr().err
    assert command.main(["helix", "rae"]) == 2
