"""Stands for a user's `llama-server`: says how it was started, and answers as one that works.

Run as a program. It writes its arguments and environment to the file that FAKE_SERVER_RECORD names,
is not ready before the one that FAKE_SERVER_GATE names is there, completes all prompts with "fake".
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TIMINGS = {"cache_n": 0, "prompt_n": 3, "prompt_ms": 1.0, "predicted_n": 1, "predicted_ms": 1.0}
FINAL = {
    "content": "",
    "stop": True,
    "stop_type": "limit",
    "tokens_predicted": 1,
    "timings": TIMINGS,
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/health":
            gate = os.environ.get("FAKE_SERVER_GATE")
            self.answer({}, 200 if gate is None or Path(gate).exists() else 503)
        elif self.path == "/props":
            self.answer({"default_generation_settings": {"n_ctx": 512}})
        elif self.path == "/slots":
            self.answer([{"id": 0, "is_processing": False}])

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != f"Bearer {os.environ['LLAMA_API_KEY']}":
            self.answer({"error": {"message": "wrong key"}}, 401)
        elif self.path == "/tokenize":
            content = body["content"]
            self.answer({"tokens": list(range(len(content)))})
        elif self.path == "/completion":
            piece = {"content": "fake", "stop": False, "tokens_predicted": 1}
            events = "".join(f"data: {json.dumps(event)}\n\n" for event in (piece, FINAL))
            self.send(events.encode(), "text/event-stream")

    def answer(self, body: Any, status: int = 200) -> None:
        self.send(json.dumps(body).encode(), "application/json", status)

    def send(self, content: bytes, media_type: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    record = {"argv": sys.argv[1:], "environment": dict(os.environ), "pid": os.getpid()}
    Path(os.environ["FAKE_SERVER_RECORD"]).write_text(json.dumps(record))
    if "--fail" in os.environ.get("FAKE_SERVER_MODE", ""):
        sys.exit("error: unknown model architecture")
    port = int(sys.argv[sys.argv.index("--port") + 1])
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
