"""A mirror on loopback that fails in all the ways that real ones do."""

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Mirror(ThreadingHTTPServer):
    """Serves `files` under /<behaviour>/<name>, and remembers what was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.visits: Counter[str] = Counter()
        self.stop = threading.Event()

    def url(self, behaviour: str, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{behaviour}/{name}"


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        _, behaviour, name = self.path.split("/")
        self.server.requests.append((behaviour, self.headers["Range"]))
        self.server.visits[behaviour] += 1
        if behaviour == "404":
            self.send_error(404)
            return
        body = self.server.files[name]
        if behaviour == "wrong":
            body = body[:-1] + bytes([body[-1] ^ 1])
        if behaviour == "page":
            body = b"<html>quota exceeded</html>"
        start = 0
        asked = self.headers["Range"]
        if asked and behaviour not in ("norange", "page"):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self._send(behaviour, body[start:])

    def _send(self, behaviour: str, rest: bytes) -> None:
        half = rest[: len(rest) // 2]
        if behaviour == "stall":
            self.wfile.write(half)
            self.wfile.flush()
            self.server.stop.wait(20)
        elif behaviour == "silent":
            self.server.stop.wait(20)
        elif behaviour == "cut" or (behaviour == "cutonce" and self.server.visits["cutonce"] == 1):
            self.wfile.write(half)
        else:
            self.wfile.write(rest)
