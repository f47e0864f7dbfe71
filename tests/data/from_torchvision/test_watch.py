"""What is watched while a data set is constructed."""

import socket
from pathlib import Path

import pytest

from lr_lightning.data.from_torchvision.watch import watched


def test_sockets_of_local_processes_are_no_network(tmp_path: Path) -> None:
    """Managers of multiprocessing use them."""
    address = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(address)
        server.listen()
        with watched(may_connect=False) as watch:
            client.connect(address)
    assert watch.refused is None


def test_the_network_is_refused() -> None:
    with (
        socket.socket() as client,
        watched(may_connect=False) as watch,
        pytest.raises(ConnectionRefusedError, match="not allowed"),
    ):
        client.connect(("127.0.0.1", 9))
    assert watch.refused == "127.0.0.1"
