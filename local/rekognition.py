"""The local Rekognition: DetectLabels over HTTP, by vision models or simulated.

    python -m local.rekognition --s3-endpoint http://127.0.0.1:4566 [--mode simulated --simulation '{"tps": 50}']

Once it accepts calls it prints a line of JSON, `{"url": "http://127.0.0.1:PORT"}`. Beside Rekognition's protocol
(JSON 1.1) it has routes of JSON for those who run it, below /_rekognition/: GET health; GET and PUT settings
(mode, and those of SimulationSettings); PUT credentials (of a caller, to read S3 with); GET calls.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.child import exit_with_parent
from local.features import PROPERTIES
from local.models.properties import properties_of
from local.models.vision import LabelTable, Vision
from local.request import Call, Credentials, Photos, Refusal
from local.simulation import Simulation, SimulationSettings
from photo_labels.library.http_server import create_server, listen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from starlette.requests import Request

MODES = ("vision", "simulated")
_MAX_COUNTED = 200_000


class Rekognition:
    """The server: its state, and the functions behind its routes."""

    def __init__(self, photos: Photos, mode: str, settings: SimulationSettings) -> None:
        self._photos = photos
        self._mode = mode
        self._table = LabelTable()
        self._simulation = Simulation(settings, self._table)
        self._pool = ThreadPoolExecutor(os.cpu_count())
        self._vision: asyncio.Future[Vision] | None = None
        self._outcomes: Counter[str] = Counter()
        self._objects: Counter[str] = Counter()
        self._paid: Counter[str] = Counter()

    @asynccontextmanager
    async def running(self, _: Starlette) -> AsyncIterator[None]:
        self._start_loading()
        yield
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def detect_labels(self, request: Request) -> JSONResponse:
        place, status, outcome = "", 200, "ok"
        try:
            if request.headers.get("x-amz-target") != "RekognitionService.DetectLabels":
                raise Refusal("UnknownOperationException", "Only DetectLabels is known here.")  # noqa: TRY301
            call = Call.parse(await request.body())
            place = f"{call.bucket}/{call.key}"
            answer = call.response(*await self._seen(call, _signer(request)))
        except Refusal as refusal:
            status, outcome = refusal.status, refusal.code
            answer = refusal.answer()
        self._outcomes[outcome] += 1
        if place in self._objects or len(self._objects) < _MAX_COUNTED:
            self._objects[place] += 1
            self._paid[place] += outcome == "ok"
        headers = {"x-amzn-RequestId": str(uuid.uuid4())}
        return JSONResponse(answer, status, headers, "application/x-amz-json-1.1")

    async def health(self, _: Request) -> JSONResponse:
        is_ready = self._mode == "simulated" or bool(self._vision and self._vision.done())
        return JSONResponse({"ready": is_ready, "mode": self._mode}, 200 if is_ready else 503)

    async def settings(self, request: Request) -> JSONResponse:
        if request.method == "PUT":
            try:
                self._change(await request.json())
            except ValueError as error:
                return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"mode": self._mode, **asdict(self._simulation.settings)})

    async def credentials(self, request: Request) -> JSONResponse:
        try:
            caller = Credentials(**await request.json())
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        await asyncio.to_thread(self._photos.admit, caller)
        return JSONResponse({"access_key_id": caller.access_key_id})

    async def calls(self, _: Request) -> JSONResponse:
        """Tell how calls ended, how many there were for each object, and which Rekognition would have billed."""
        return JSONResponse({"outcomes": self._outcomes, "objects": self._objects, "paid": self._paid})

    def _change(self, given: Any) -> None:
        """Change settings; a simulation whose settings change starts anew. Raises ValueError."""
        if not isinstance(given, dict):
            raise ValueError(f"Settings are a JSON object, not {given!r}.")  # noqa: TRY004
        mode = given.pop("mode", self._mode)
        if mode not in MODES:
            raise ValueError(f"mode must be {' or '.join(MODES)}, not {mode!r}.")
        if given:
            self._simulation = Simulation(self._simulation.settings.changed(given), self._table)
        self._mode = mode
        self._start_loading()

    def _start_loading(self) -> None:
        if self._mode == "vision" and not self._vision:
            self._vision = asyncio.get_running_loop().run_in_executor(self._pool, Vision)

    async def _seen(self, call: Call, access_key_id: str) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        """Return labels, and ImageProperties where they are asked for. Raises Refusal."""
        wants_properties, colours = PROPERTIES in call.features.names, call.features.max_colours
        in_pool = asyncio.get_running_loop().run_in_executor
        if self._mode == "vision":
            assert self._vision
            vision = await asyncio.shield(self._vision)  # the others wait for it, too

            def see() -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
                photo, _ = self._photos.read(call, access_key_id)
                labels = vision.detect_labels(photo)
                return labels, properties_of(photo, labels, colours) if wants_properties else None

            return await in_pool(self._pool, see)
        simulation, revision = self._simulation, call.version
        latency_s, error = simulation.draw()
        if simulation.settings.read_object and not error:
            _, revision = await in_pool(self._pool, self._photos.read, call, access_key_id)
        await asyncio.sleep(latency_s)
        if error:
            raise Refusal(error)
        labels = simulation.labels(call.bucket, call.key, revision)
        return labels, simulation.properties(call.bucket, call.key, revision) if wants_properties else None


def create_app(
    s3_endpoint: str,
    *,
    mode: str = "vision",
    settings: SimulationSettings | None = None,
    callers: Iterable[Credentials] = (),
) -> Starlette:
    """Make the application; `callers` are known from the start, `PUT /_rekognition/credentials` adds others."""
    photos = Photos(s3_endpoint)
    for caller in callers:
        photos.admit(caller)
    server = Rekognition(photos, mode, settings or SimulationSettings())
    routes = [
        Route("/", server.detect_labels, methods=["POST"]),
        Route("/_rekognition/health", server.health),
        Route("/_rekognition/settings", server.settings, methods=["GET", "PUT"]),
        Route("/_rekognition/credentials", server.credentials, methods=["PUT"]),
        Route("/_rekognition/calls", server.calls),
    ]
    return Starlette(routes=routes, lifespan=server.running)


def _signer(request: Request) -> str:
    """Return the access key id of a request signed with Signature Version 4."""
    found = re.search("Credential=([^/]+)/", request.headers.get("authorization", ""))
    return found[1] if found else ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.rekognition", description=__doc__)
    parser.add_argument("--s3-endpoint", required=True, metavar="URL")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--mode", choices=MODES, default="vision")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--simulation", type=json.loads, default={}, metavar="JSON", help="SimulationSettings")
    parser.add_argument("--exit-with-parent", action="store_true", help="exit when stdin ends")
    options = parser.parse_args()
    if options.exit_with_parent:
        exit_with_parent()
    try:
        settings = SimulationSettings().changed({"seed": options.seed} | options.simulation)
    except (ValueError, TypeError) as error:
        parser.error(str(error))
    server = create_server(create_app(options.s3_endpoint, mode=options.mode, settings=settings))
    listener = listen(options.port)
    print(json.dumps({"url": f"http://127.0.0.1:{listener.getsockname()[1]}"}), flush=True)
    with suppress(KeyboardInterrupt):
        server.run([listener])


if __name__ == "__main__":
    main()
