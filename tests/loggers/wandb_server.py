"""A local stand-in for the W&B server, sufficient for runs that log scalars."""

import json
import re
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class WandbServer:
    """Stores the history of one run, by line; can be made to hang or fail at any time.

    Attributes:
        history: Rows by the number of their line.
        mode: ``"ok"``, ``"hang"`` or ``"500"``.
        url: For ``WANDB_BASE_URL``.
    """

    def __init__(self, mode: str = "ok") -> None:
        self.history: dict[int, dict[str, Any]] = {}
        self.mode = mode
        self._exists = False
        self._ended = threading.Event()
        keeper = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if keeper.mode == "hang":
                    keeper._ended.wait()
                answer = json.dumps(keeper._answer(self.path, body)).encode()
                self.send_response(500 if keeper.mode == "500" else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_PUT = do_POST  # noqa: N815

            def log_message(self, *args: Any) -> None:
                """Log nothing."""

            def handle(self) -> None:
                with suppress(OSError):  # the client has disconnected
                    super().handle()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop responding."""
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, path: str, body: bytes) -> dict[str, Any]:
        if self.mode == "500":
            return {}
        if path.endswith("/graphql"):
            query = json.loads(body)
            found = re.search(r"(?:query|mutation)\s+(\w+)", query["query"])
            return {"data": self._data("" if found is None else found[1], query.get("variables") or {})}
        if "file_stream" in path:
            chunk = json.loads(body).get("files", {}).get("wandb-history.jsonl", {"offset": 0, "content": []})
            self.history |= {chunk["offset"] + i: json.loads(line) for i, line in enumerate(chunk["content"])}
        return {}

    def _data(self, name: str, variables: dict[str, Any]) -> dict[str, Any]:
        entity = {"id": "e", "name": "entity"}
        if name == "RunResumeStatus":
            return {
                "model": {"id": "m", "name": "p", "entity": entity, "bucket": self._bucket()} if self._exists else None
            }
        if name == "UpsertBucket":
            self._exists = True
            project = {"id": "p", "name": "p", "entity": entity}
            bucket = {"id": "b", "name": "abc", "displayName": "abc", "config": "{}", "project": project}
            return {"upsertBucket": {"bucket": bucket | {"historyLineCount": len(self.history)}, "inserted": True}}
        if name == "CreateRunFiles":
            files = [{"name": file, "uploadUrl": f"{self.url}/upload"} for file in variables["files"]]
            return {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": files}}
        if name == "Viewer":
            return {"viewer": {"id": "u", "entity": "entity", "username": "u", "flags": "{}", "teams": {"edges": []}}}
        return {}

    def _bucket(self) -> dict[str, Any]:
        last = json.dumps(self.history[max(self.history)]) if self.history else "{}"
        lines = {"logLineCount": 0, "eventsLineCount": 0, "historyLineCount": len(self.history)}
        tails = {"historyTail": json.dumps([last]), "eventsTail": "[]", "summaryMetrics": last}
        rest = {"id": "b", "name": "abc", "displayName": "abc", "config": "{}", "tags": [], "notes": ""}
        return lines | tails | rest | {"wandbConfig": '{"t": 1}'}
