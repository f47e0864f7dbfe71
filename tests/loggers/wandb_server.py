"""A local stand-in for the W&B server, sufficient for runs that log scalars."""

import json
import re
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class WandbServer:
    """Stores the histories of runs, by line; can be made to hang or fail at any time.

    Attributes:
        histories: For each run, by its id, rows by the number of their line.
        runs: For each run, what it was registered with: group, name and config.
        uploads: Ids of the runs in the order in which uploads of their histories arrived.
        is_stuck: Whether requests are answered with errors, while pages can still be opened.
        mode: ``"ok"``, ``"hang"`` or ``"500"``.
        url: For ``WANDB_BASE_URL``.
    """

    def __init__(self, mode: str = "ok") -> None:
        self.histories: dict[str, dict[int, dict[str, Any]]] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.uploads: list[str] = []
        self.is_stuck = False
        self.mode = mode
        self._ended = threading.Event()
        keeper = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if keeper.mode == "hang":
                    keeper._ended.wait()
                answer = json.dumps(keeper._answer(self.path, body)).encode()
                stuck = keeper.is_stuck and self.command != "GET"
                self.send_response(500 if keeper.mode == "500" or stuck else 200)
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

    @property
    def history(self) -> dict[int, dict[str, Any]]:
        """Rows of the run with the id ``abc``."""
        return self.histories.setdefault("abc", {})

    @history.setter
    def history(self, rows: dict[int, dict[str, Any]]) -> None:
        self.histories["abc"] = rows

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
            variables = query.get("variables") or {}
            return {"data": self._data("" if found is None else found[1], variables)}
        if "file_stream" in path:
            run = path.split("/")[-2]
            chunk = json.loads(body).get("files", {}).get("wandb-history.jsonl", {"offset": 0, "content": []})
            lines = {chunk["offset"] + i: json.loads(line) for i, line in enumerate(chunk["content"])}
            self.histories[run] = self.histories.get(run, {}) | lines
            self.uploads += [run] if lines else []
        return {}

    def _data(self, name: str, variables: dict[str, Any]) -> dict[str, Any]:
        entity = {"id": "e", "name": "entity"}
        run = variables.get("name") or "abc"
        if name == "RunResumeStatus":
            bucket = self._bucket(run)
            return {"model": {"id": "m", "name": "p", "entity": entity, "bucket": bucket} if run in self.runs else None}
        if name == "UpsertBucket":
            given = {key: value for key, value in variables.items() if value is not None}
            self.runs[run] = self.runs.get(run, {}) | given
            project = {"id": "p", "name": "p", "entity": entity}
            bucket = {"id": "b", "name": run, "displayName": run, "config": "{}", "project": project}
            lines = {"historyLineCount": len(self.histories.get(run, {}))}
            return {"upsertBucket": {"bucket": bucket | lines, "inserted": True}}
        if name == "CreateRunFiles":
            files = [{"name": file, "uploadUrl": f"{self.url}/upload"} for file in variables["files"]]
            return {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": files}}
        if name == "Viewer":
            return {"viewer": {"id": "u", "entity": "entity", "username": "u", "flags": "{}", "teams": {"edges": []}}}
        return {}

    def _bucket(self, run: str) -> dict[str, Any]:
        history = self.histories.get(run, {})
        last = json.dumps(history[max(history)]) if history else "{}"
        lines = {"logLineCount": 0, "eventsLineCount": 0, "historyLineCount": len(history)}
        tails = {"historyTail": json.dumps([last]), "eventsTail": "[]", "summaryMetrics": last}
        rest = {"id": "b", "name": run, "displayName": run, "config": "{}", "tags": [], "notes": ""}
        return lines | tails | rest | {"wandbConfig": '{"t": 1}'}
