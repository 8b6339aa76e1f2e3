"""A loopback file server that resumes, breaks off, lies and shows web pages, as told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What the server shows, and what it was asked.

    Attributes:
        files: bytes by path.
        etag: of every file; None: the server gives none.
        has_ranges: it honours Range.
        breaks_after: bytes of an answer after which it hangs up, one item an answer, None: whole.
        status: by path, for answers that are no file.
        pages: paths whose bytes are sent as text/html.
        redirects: path to address.
        requests: (path, Range, If-Range) of each request.
        port: of the loopback address.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    etag: str | None = '"1"'
    has_ranges: bool = True
    breaks_after: list[int | None] = field(default_factory=list)
    status: dict[str, int] = field(default_factory=dict)
    pages: set[str] = field(default_factory=set)
    redirects: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    port: int = 0

    def url(self, path: str) -> str:
        """Give a file's address."""
        return f"http://127.0.0.1:{self.port}{path}"


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        site, path = self.site, self.path
        asked, condition = self.headers.get("Range"), self.headers.get("If-Range")
        site.requests.append((path, asked, condition))
        if path in site.redirects:
            self.send_response(302)
            self.send_header("Location", site.redirects[path])
            self.end_headers()
            return
        if path in site.status or path not in site.files:
            self.send_error(site.status.get(path, 404))
            return
        data, start = site.files[path], 0
        if asked and site.has_ranges and condition == site.etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "text/html" if path in site.pages else "application/octet-stream")
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if site.etag:
            self.send_header("ETag", site.etag)
        self.end_headers()
        limit = site.breaks_after.pop(0) if site.breaks_after else None
        self.wfile.write(data[start:] if limit is None else data[start : start + limit])
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Stay quiet."""


@contextmanager
def serving() -> Iterator[Site]:
    """Run a server on a free loopback port."""
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": site}))
    server.daemon_threads = True
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
