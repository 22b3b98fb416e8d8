"""The server of `photos browse`: on loopback, for the one browser that was given its secret.

A page of others, in the same browser, can reach loopback, too, also under a name of its own (DNS rebinding). So
every request has to name this host, to come from this page, and to bring a cookie. That is given to who opens a
link that is printed in the terminal, and to the first only: other users of this machine may see with what a
browser was started. It is for a path that nobody else knows, since cookies do not tell ports of one host apart.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import threading
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, Router

from photo_labels.browsing.api import Api
from photo_labels.browsing.pictures import Pictures
from photo_labels.library.http_server import create_server, listen
from photo_labels.library.searching.label_map import NO_MAP, LabelMap
from photo_labels.library.status import StatusReader
from photo_labels.library.user_errors import CONNECTION_LOST, USER_FACING_ERRORS, UserError, user_message
from photo_labels.library.viewing import GonePhotoError, TooLargePhotoError, links
from photo_labels.records.decoders.limits import UndecodableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document

    Endpoint = Callable[[Request], Awaitable[Response]]

_PAGE = Path(__file__).with_name("page")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_NOT_KEPT = {"Cache-Control": "no-store"}
# Of pictures: their URLs name the version of the photo.
_KEPT = {"Cache-Control": "private, max-age=31536000, immutable"}
# Not as the machine has them: a browser runs no module that is said to be plain text.
_MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_COOKIE = "photo-labels"
# Its address is another after each start.
_LOCAL_CLOUD_LOST = (
    "The local cloud does not answer. If it was stopped, start it with `make up`, "
    "and then `photos --local browse` again."
)
# Which browsers do not name.
_USUAL_PORT = 80
_LOOK_S = 0.1
# So long a status is told again: CloudWatch has news once a minute, and each look is paid for.
_LOCALLY_S, _ON_AWS_S = 2.0, 60.0


class Guard:
    """Refuses requests that do not come from the page itself."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._secret = secrets.token_urlsafe(24)
        self._tickets: set[str] = set()
        # The path below which all is.
        self.room = f"/{secrets.token_urlsafe(12)}/"
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        if port == _USUAL_PORT:
            self._hosts |= {"127.0.0.1", "localhost"}

    def ticket(self) -> str:
        """Return a new path that lets one browser in, once."""
        ticket = secrets.token_urlsafe(24)
        self._tickets.add(ticket)
        return f"{self.room}?ticket={ticket}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = self._refusal(scope)
        is_answered = False

        async def send_with_headers(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                message["headers"] += [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
            await send(message)

        try:
            await (answer or self._app)(scope, receive, send_with_headers)
        except asyncio.CancelledError:  # the server ends, and does not wait for AWS any longer
            if not is_answered:
                await PlainTextResponse("The page has ended.", 503)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if headers.get("host") not in self._hosts:
            return PlainTextResponse("This is not the host that you asked for.", 421)
        if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            return PlainTextResponse("This page is not for others.", 403)
        cookies = dict(one.strip().partition("=")[::2] for one in headers.get("cookie", "").split(";"))
        if hmac.compare_digest(cookies.get(_COOKIE, "").encode(), self._secret.encode()):
            return None
        ticket = scope["query_string"].decode("latin-1").removeprefix("ticket=")
        if scope["path"] == self.room and ticket in self._tickets:
            self._tickets.remove(ticket)
            answer = RedirectResponse(self.room, 303)
            answer.set_cookie(_COOKIE, self._secret, path=self.room, httponly=True, samesite="strict")
            return answer
        return PlainTextResponse(
            "A link of `photos browse` opens the page once: start it again for another browser.", 403
        )


class _Cached:
    """What is asked for once in a while, however many pages are open."""

    def __init__(self, ask: Callable[[], dict[str, Any]], cached_s: float) -> None:
        self._ask = ask
        self._cached_s = cached_s
        self._lock = threading.Lock()
        self._told: dict[str, Any] = {}
        self._until = 0.0

    def value(self) -> dict[str, Any]:
        with self._lock:
            if time.monotonic() > self._until:
                self._told = self._ask()
                self._until = time.monotonic() + self._cached_s
            return self._told


class Browse:
    """The page's server."""

    def __init__(self, target: Target, port: int = 0, names: LabelMap = NO_MAP) -> None:
        self._target = target
        self._reader: StatusReader | None = None
        try:
            self._listener = listen(port)
        except OSError as error:
            raise UserError(f"Port {port} cannot be used ({error.strerror}): name another, or none.") from error
        self._port = self._listener.getsockname()[1]
        self._library = Api(target, names)
        cached_s = _LOCALLY_S if target.is_local else _ON_AWS_S
        self._status = _Cached(self._asked_status, cached_s)
        self._newest = _Cached(self._library.newest, cached_s)
        self._pictures = Pictures(target)
        self._guard = Guard(self._app(), self._port)
        self._server = create_server(self._guard)

    def link(self) -> str:
        """Return a new link to the page, for one browser."""
        return f"http://127.0.0.1:{self._port}{self._guard.ticket()}"

    def run(self) -> None:
        """Serve until Ctrl-C, or until `stop`."""
        try:
            with suppress(KeyboardInterrupt):
                self._server.run(sockets=[self._listener])
        finally:
            self._pictures.close()
            self._listener.close()

    def stop(self) -> None:
        self._server.should_exit = True

    def _app(self) -> ASGIApp:
        routes = [
            Route("/", _file("index.html")),
            *(Route(f"/{path.name}", _file(path.name)) for path in _PAGE.iterdir() if path.suffix in _MEDIA_TYPES),
            Route("/api/labels", self._answering(lambda _: self._library.labels())),
            Route("/api/photos", self._answering(self._photos)),
            Route("/api/facets", self._answering(self._facets)),
            Route("/api/years", self._answering(lambda _: self._library.years())),
            Route("/api/months", self._answering(self._months)),
            Route("/api/newest", self._answering(lambda _: self._newest.value())),
            Route("/api/status", self._answering(lambda _: self._status.value())),
            Route("/thumbnail", self._picture(self._pictures.thumbnail)),
            Route("/view", self._picture(self._pictures.view)),
            Route("/original", self._original),
        ]
        return Router([Mount("/{room}", routes=routes)], lifespan=self._ending)

    @asynccontextmanager
    async def _ending(self, _: Router) -> AsyncIterator[None]:
        """End what takes long as soon as the server is to end: it waits for nothing longer than a second."""

        async def watch() -> None:
            while not self._server.should_exit:  # noqa: ASYNC110 - uvicorn has no event of it
                await asyncio.sleep(_LOOK_S)
            self._pictures.stop()

        watching = asyncio.create_task(watch())
        yield
        await watching

    def _photos(self, request: Request) -> dict[str, Any]:
        asked = request.query_params
        text, after = asked.get("q", "").strip(), asked.get("after") or None
        if asked.get("kind") == "rejected":
            return self._library.rejected(text, after)
        if text:
            return self._library.search(text, _number(asked.get("min", "0")), after, asked.get("when", ""))
        return self._library.timeline(asked.get("when", ""), after)

    def _facets(self, request: Request) -> dict[str, Any]:
        asked = request.query_params
        return self._library.facets(
            asked.get("q", "").strip(),
            _number(asked.get("min", "0")),
            asked.get("when", ""),
            asked.get("after") or None,
            is_of_rejected=asked.get("kind") == "rejected",
        )

    def _months(self, request: Request) -> dict[str, Any]:
        return self._library.months(request.query_params.get("year", ""))

    def _asked_status(self) -> dict[str, Any]:
        # Not before: who may only see photos sees them, and here why there is nothing else.
        self._reader = self._reader or StatusReader(self._target)
        status = self._reader.read()
        return {
            "waiting": status.waiting,
            "dead": status.photos.dead + status.converting.dead,
            "is_on": status.is_on,
            "labelled": status.counts["ImagesLabelled"],
            "alarms": list(status.alarms),
        }

    def _answering(self, find: Callable[[Request], dict[str, Any]]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            try:
                return _json(find(request))
            except USER_FACING_ERRORS as error:
                if isinstance(error, CONNECTION_LOST):  # with 503 the page asks again by itself
                    return _json(
                        {"error": _LOCAL_CLOUD_LOST if self._target.is_local else user_message(error)}, 503
                    )
                return _json({"error": user_message(error)}, 400)

        return answer

    def _picture(self, make: Callable[[Document, Callable[[], bool]], bytes]) -> Endpoint:
        def made(request: Request, is_gone: Callable[[], bool]) -> Response:
            try:
                jpeg = make(self._asked_for(request), is_gone)
            except (UndecodableError, *USER_FACING_ERRORS) as error:
                return _no_picture(error)
            return Response(jpeg, media_type="image/jpeg", headers=_KEPT)

        async def answer(request: Request) -> Response:
            gone = threading.Event()
            watching = asyncio.create_task(_watch(request, gone))
            try:
                return await run_in_threadpool(made, request, gone.is_set)
            finally:
                watching.cancel()

        return answer

    def _original(self, request: Request) -> Response:
        try:
            [link] = links(self._target, [self._asked_for(request)])
        except USER_FACING_ERRORS as error:
            return _said(user_message(error), 404)
        return RedirectResponse(link, 303, _NOT_KEPT)

    def _asked_for(self, request: Request) -> Document:
        """Return the document of the photo of a request; only photos with a document are shown."""
        image = request.query_params.get("image")
        document = self._library.document(image) if image else None
        if document is None:
            raise UserError("Nothing is known of this photo.")
        return document


async def _watch(request: Request, gone: threading.Event) -> None:
    """Tell when the browser has closed a request's connection, as it does once a picture is not wanted."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    gone.set()


def _file(name: str) -> Callable[[Request], Response]:
    path = _PAGE / name
    return lambda _: FileResponse(path, headers=_NOT_KEPT, media_type=_MEDIA_TYPES[path.suffix])


def _no_picture(error: Exception) -> Response:
    """Answer why there is no picture: the page has a word for each status."""
    if isinstance(error, UndecodableError):
        return _said(error.detail, 413 if error.reason == "PhotoTooLarge" else 415)
    statuses: dict[type[Exception], int] = {GonePhotoError: 410, TooLargePhotoError: 413}
    return _said(
        user_message(error), 503 if isinstance(error, CONNECTION_LOST) else statuses.get(type(error), 404)
    )


def _json(content: dict[str, Any], status: int = 200) -> Response:
    """Answer in ASCII, so that also texts that are not valid UTF-8 can be written."""
    return Response(json.dumps(content), status, _NOT_KEPT, "application/json")


def _said(text: str, status: int) -> Response:
    return PlainTextResponse(text.encode(errors="backslashreplace"), status, _NOT_KEPT)


def _number(text: str) -> float:
    try:
        return min(100.0, max(0.0, float(text)))
    except ValueError as error:
        raise UserError(f"{text} is no number from 0 to 100.") from error
