"""The local server: what it answers, and what it refuses."""

import http.client
import json
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from lr_lightning.explorer.live_model import LiveModel
from lr_lightning.explorer.live_server import LiveServer
from tests.explorer.explored import explored_bars, round_trip


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer(LiveModel(explored_bars(title="<script>alert(1)</script>"), num_samples=24)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Reply:
    """Status, headers and content of a response."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.content = response.read()


def ask(server: LiveServer, method: str, path: str, content: Any = None, **headers: str | None) -> Reply:
    """Send a request as the page does; headers that are ``None`` are left out."""
    usual: dict[str, str | None] = {"X-Explorer-Token": server.token, "Host": f"127.0.0.1:{server.server_port}"}
    if content is not None:
        usual["Content-Type"] = "application/json"
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
    given = usual | {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in given.items():
        if value is not None:
            connection.putheader(name, value)
    if content is not None and "Content-Length" not in given:
        connection.putheader("Content-Length", str(len(content)))
    connection.endheaders(content)
    reply = Reply(connection.getresponse())
    connection.close()
    return reply


def test_the_page_and_its_data(server: LiveServer) -> None:
    assert server.address == f"http://127.0.0.1:{server.server_port}/?token={server.token}"
    page = ask(server, "GET", f"/?token={server.token}", X_Explorer_Token=None)
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.content.startswith(b"<!")
    assert b"<script>alert(1)" not in page.content
    assert "'self'" in page.headers["Content-Security-Policy"]
    data = ask(server, "GET", "/data.json")
    assert json.loads(data.content) == server.model.data
    for reply in (page, data):
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_steps_slices_and_paths(server: LiveServer) -> None:
    code = [0.5, -1.0, 2.0]
    step = ask(server, "POST", "/step", {"code": code, "page": "a", "number": 1})
    assert step.status == 200
    assert step.headers["Content-Type"] == "application/octet-stream"
    observation, response = round_trip(explored_bars(), torch.tensor([code]))
    expected = torch.cat([observation.flatten(), response.flatten()]).numpy()
    assert np.frombuffer(step.content, "<f4") == pytest.approx(expected, abs=1e-6)
    found = ask(server, "POST", "/slice", {"latents": [0, 2], "base": code})
    assert json.loads(found.content)["latents"] == [0, 2]
    found = ask(server, "POST", "/path", {"from": code, "to": [0, 0, 0]})
    assert json.loads(found.content)["to"] == [0, 0, 0]


def test_only_this_machine_reaches_it(server: LiveServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in others:
        if not str(address).startswith("127."):
            with socket.socket() as probe:
                assert probe.connect_ex((address, server.server_port)) != 0


REFUSED: list[tuple[str, str, str, Any, dict[str, str | None], int]] = [
    ("page without token", "GET", "/", None, {}, 403),
    ("page with another token", "GET", "/?token=abc", None, {}, 403),
    ("data without token", "GET", "/data.json", None, {"X_Explorer_Token": None}, 403),
    ("data with another token", "GET", "/data.json", None, {"X_Explorer_Token": "a" * 32}, 403),
    ("token that is not ASCII", "GET", "/data.json", None, {"X_Explorer_Token": "\xe9"}, 403),
    ("step without token", "POST", "/step", {"code": [0, 0, 0]}, {"X_Explorer_Token": None}, 403),
    ("other name", "GET", "/data.json", None, {"Host": "evil.example"}, 403),
    ("other name with the port", "GET", "/data.json", None, {"Host": "evil.example:PORT"}, 403),
    ("no name", "GET", "/data.json", None, {"Host": None}, 403),
    ("this machine with another port", "GET", "/data.json", None, {"Host": "127.0.0.1:1"}, 403),
    ("other origin", "POST", "/step", {"code": [0, 0, 0]}, {"Origin": "https://evil.example"}, 403),
    ("origin of a file", "POST", "/step", {"code": [0, 0, 0]}, {"Origin": "null"}, 403),
    ("origin with another port", "POST", "/step", {"code": [0, 0, 0]}, {"Origin": "http://127.0.0.1:1"}, 403),
    ("unknown page", "GET", "/etc/passwd", None, {}, 404),
    ("a folder above", "GET", "/../../etc/passwd", None, {}, 404),
    ("unknown request", "POST", "/data.json", {}, {}, 404),
    ("other method", "PUT", "/step", {"code": [0, 0, 0]}, {}, 501),
    ("form", "POST", "/step", b"code=1", {"Content_Type": "application/x-www-form-urlencoded"}, 415),
    ("text, which needs no permission", "POST", "/step", b'{"code": [0, 0, 0]}', {"Content_Type": "text/plain"}, 415),
    ("length that is no number", "POST", "/step", b"", {"Content_Length": "-5"}, 411),
    ("long content", "POST", "/step", b"", {"Content_Length": str(10**9)}, 413),
    ("no JSON", "POST", "/step", b"{", {}, 400),
    ("no text", "POST", "/step", b"\xff\xfe", {}, 400),
    ("deep JSON", "POST", "/step", b"[" * 100_000, {}, 400),
    ("no object", "POST", "/step", [1], {}, 400),
    ("no code", "POST", "/step", {}, {}, 400),
    ("short code", "POST", "/step", {"code": [0, 0]}, {}, 400),
    ("code of texts", "POST", "/step", {"code": ["0", "0", "0"]}, {}, 400),
    ("infinite code", "POST", "/step", b'{"code": [Infinity, 0, 0]}', {}, 400),
    ("number that is text", "POST", "/step", {"code": [0, 0, 0], "number": "1"}, {}, 400),
    ("unknown latent", "POST", "/slice", {"latents": [0, 9], "base": [0, 0, 0]}, {}, 400),
    ("path to itself", "POST", "/path", {"from": [0, 0, 0], "to": [0, 0, 0]}, {}, 400),
]


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
def test_refusals(
    server: LiveServer, method: str, path: str, content: Any, headers: dict[str, str | None], status: int
) -> None:
    given = {name: value and value.replace("PORT", str(server.server_port)) for name, value in headers.items()}
    reply = ask(server, method, path, content, **given)
    assert reply.status == status
    assert server.token.encode() not in reply.content
    assert reply.headers["Access-Control-Allow-Origin"] is None
    if status != 501:
        assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert 10 < len(reply.content) < 200
    assert ask(server, "POST", "/step", {"code": [0, 0, 0]}).status == 200  # it still works


def test_own_origins_are_answered(server: LiveServer) -> None:
    for name in ("127.0.0.1", "localhost"):
        own = f"{name}:{server.server_port}"
        reply = ask(server, "POST", "/step", {"code": [0, 0, 0]}, Host=own, Origin=f"http://{own}")
        assert reply.status == 200


def test_one_connection_serves_many_steps(server: LiveServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    headers = {"X-Explorer-Token": server.token, "Content-Type": "application/json"}
    for number in range(5):
        connection.request("POST", "/step", json.dumps({"code": [number, 0, 0], "number": number}), headers)
        response = connection.getresponse()
        assert response.status == 200
        assert len(response.read()) == 4 * (3 * 8 * 8 + 3)
        assert connection.sock is not None  # kept open
    connection.close()


def test_a_model_that_fails_is_reported(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> bytes:
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr(server.model, "step", failing)
    reply = ask(server, "POST", "/step", {"code": [0, 0, 0]})
    assert reply.status == 500
    assert reply.content == b"RuntimeError: out of memory"


def test_a_page_that_closes_early_does_no_harm(server: LiveServer, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        connection.sendall(b"POST /step HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Len")
    assert ask(server, "POST", "/step", {"code": [0, 0, 0]}).status == 200
    assert capsys.readouterr().err == ""


def test_a_page_that_is_closed_while_it_waits_prints_nothing(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed, done = threading.Event(), threading.Event()

    def slow(*_: object) -> bytes:
        assert closed.wait(30)
        return bytes(10**7)

    def handled(self: LiveServer, *arguments: Any) -> None:
        original(self, *arguments)
        done.set()

    original = LiveServer.handle_error
    monkeypatch.setattr(server.model, "step", slow)
    monkeypatch.setattr(LiveServer, "handle_error", handled)
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    headers = {"X-Explorer-Token": server.token, "Content-Type": "application/json"}
    connection.request("POST", "/step", "{}", headers)
    assert connection.sock is not None
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # resets at once
    connection.close()
    closed.set()
    assert done.wait(30)
    assert capsys.readouterr().err == ""


def test_tokens_differ(server: LiveServer) -> None:
    with LiveServer(server.model) as other:
        assert other.token != server.token
        assert len(other.token) >= 32
