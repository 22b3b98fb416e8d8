"""HTTP on loopback: for the page, and for the servers of the local cloud."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def listen(port: int) -> socket.socket:
    """Listen on loopback; port 0 is a free one. Who calls before a server is up waits in the backlog."""
    # asyncio turns Nagle's algorithm off only where a socket says that it is TCP; it would cost 40 ms a call
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    return listener


def create_server(app: ASGIApp) -> uvicorn.Server:
    """Make what serves the application on a listener, until SIGINT or SIGTERM."""
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1))
