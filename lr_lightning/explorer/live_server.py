"""A local server for a live page: only this machine reaches it, and only a page with its token is answered."""

import json
import secrets
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

from lr_lightning.common.checks import one_line
from lr_lightning.explorer.assembly import assemble
from lr_lightning.explorer.live_model import LiveModel, SupersededError

HOST = "127.0.0.1"
TOKEN_HEADER = "X-Explorer-Token"

_JSON = "application/json"
_MOST_BYTES = 2**20
"""Length of the longest request."""
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' blob: data:; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; connect-src 'self' data: blob:; worker-src blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""Content security policy of the page: it can reach nothing but this server."""


class LiveServer(ThreadingHTTPServer):
    """Serves the page of a model at ``http://127.0.0.1:<port>/?token=<token>``.

    Other pages in the same browser cannot use it: they do not know the token, and are refused by their origin. The
    name in the address must be this machine's, so that no other name can be made to point here.

    Attributes:
        token: The secret in the address.

    Args:
        model: The model.
        port: Port; any free one if 0.

    Raises:
        OSError: If the port is in use.
    """

    daemon_threads = True

    def __init__(self, model: LiveModel, port: int = 0) -> None:
        self.model = model
        self.token = secrets.token_urlsafe(24)
        self.page = assemble(model.title, None, runtime=False).encode()
        self.data = json.dumps(model.data, allow_nan=False, separators=(",", ":")).encode()
        super().__init__((HOST, port), _Handler)
        names = [f"{name}:{self.server_port}" for name in (HOST, "localhost")]
        self.hosts = frozenset(names)
        self.origins = frozenset(f"http://{name}" for name in names)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing where a page was closed or is silent; print other errors as usual."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @property
    def address(self) -> str:
        """The address of the page, with the token."""
        return f"http://{HOST}:{self.server_port}/?token={self.token}"


class _RefusedError(Exception):
    """A request that is not answered.

    Args:
        status: Status of the response.
        reason: A sentence for the reader.
    """

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: LiveServer
    protocol_version = "HTTP/1.1"  # one connection for all steps of a page
    disable_nagle_algorithm = True  # otherwise each response waits for the acknowledgement of the last one
    wbufsize = 2**16
    timeout = 300
    server_version, sys_version = "lr-lightning", ""

    def do_GET(self) -> None:
        """Return the page or its data."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Return what the model computes."""
        self._answer(self._post)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""

    def _answer(self, respond: Callable[[], tuple[bytes, str]]) -> None:
        try:
            self._check_origin()
            content, kind = respond()
            self._send(HTTPStatus.OK, content, kind)
        except _RefusedError as refusal:
            self._send_error(refusal.status, str(refusal))
        except SupersededError as superseded:
            self._send_error(HTTPStatus.CONFLICT, str(superseded))
        except ValueError as error:
            self._send_error(HTTPStatus.BAD_REQUEST, one_line(error))
        except ConnectionError:  # the page was closed
            self.close_connection = True
        except Exception as error:  # of the model, such as a lack of memory
            self._send_error(HTTPStatus.INTERNAL_SERVER_ERROR, f"{type(error).__name__}: {one_line(error)}")

    def _check_origin(self) -> None:
        """Refuse requests of other names and of other pages."""
        if self.headers.get("Host") not in self.server.hosts:
            raise _RefusedError(HTTPStatus.FORBIDDEN, f"this server answers only to the name {HOST}")
        origin = self.headers.get("Origin")
        if origin is not None and origin not in self.server.origins:
            raise _RefusedError(HTTPStatus.FORBIDDEN, "requests of other pages are refused")

    def _check_token(self, given: str | None) -> None:
        if not secrets.compare_digest((given or "").encode(), self.server.token.encode()):
            raise _RefusedError(
                HTTPStatus.FORBIDDEN, "the token is missing or wrong; use the whole address that was printed"
            )

    def _get(self) -> tuple[bytes, str]:
        address = urlsplit(self.path)
        if address.path == "/":
            self._check_token(parse_qs(address.query).get("token", [""])[0])
            return self.server.page, "text/html; charset=utf-8"
        if address.path == "/data.json":
            self._check_token(self.headers.get(TOKEN_HEADER))
            return self.server.data, _JSON
        raise _RefusedError(HTTPStatus.NOT_FOUND, "there is no such page")

    def _post(self) -> tuple[bytes, str]:
        path = urlsplit(self.path).path
        if path not in ("/step", "/slice", "/path"):
            raise _RefusedError(HTTPStatus.NOT_FOUND, "there is no such page")
        self._check_token(self.headers.get(TOKEN_HEADER))
        request, model = self._request(), self.server.model
        if path == "/step":
            page, number = request.get("page", ""), request.get("number", 0)
            if not isinstance(page, str) or type(number) is not int:
                raise ValueError(f"page must be text and number a whole number, got {page!r:.40} and {number!r:.40}")
            return model.step(request.get("code"), page, number), "application/octet-stream"
        if path == "/slice":
            found = model.slice(request.get("latents"), request.get("base"))
        else:
            found = model.path(request.get("from"), request.get("to"))
        return json.dumps(found, allow_nan=False).encode(), _JSON

    def _request(self) -> dict[str, object]:
        """Return the content of a request.

        Raises:
            ValueError: If it is no JSON object.
        """
        if self.headers.get_content_type() != _JSON:
            raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the content must be {_JSON}")
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "the length of the content is missing")
        if int(length) > _MOST_BYTES:
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the content is longer than {_MOST_BYTES} bytes")
        try:
            found = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"the content is no JSON ({one_line(error)})") from error
        if not isinstance(found, dict):
            raise ValueError(f"the content must be an object, got {found!r:.40}")
        return found

    def _send_error(self, status: HTTPStatus, reason: str) -> None:
        self.close_connection = True  # the content may not have been read
        self._send(status, reason.encode(), "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Content-Security-Policy", _POLICY)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
