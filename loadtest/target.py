"""Where a load test runs: a local cloud of its own; the one of `make up`, if asked for; or a stack on AWS."""

from __future__ import annotations

import json
import math
import os
import tempfile
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.concurrency import concurrency_for
from local.cloud import LocalCloud
from local.state import State
from photo_labels.library.target import LOCAL_STATE, Target, aws_target, local_target
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

RECOGNISERS = ("simulated", "instant", "vision")
# p50 and p99 of the recogniser that answers without looking; log-normal.
LATENCY_MS = {"simulated": (350, 800), "instant": (0, 0)}
# That an environment is busy with one photo: the recogniser's mean, and some.
_SECONDS_A_PHOTO = 0.45
_FEWEST_ENVIRONMENTS = 10
_MAX_ENVIRONMENTS = 100


@dataclass(frozen=True, slots=True)
class LoadTestTarget:
    """A pipeline, and what is known of it."""

    target: Target
    # What of it is not AWS, in a sentence.
    simulated: str
    # Execution environments at most.
    concurrency: int | None
    # Rekognition's quota as the stack has it; 0: none.
    tps: float
    # It ends with the load test, and all photos with it.
    is_own: bool
    # Of a local Rekognition, which counts its calls itself.
    rekognition_url: str | None = None

    def calls(self, prefix: str) -> int | None:
        """DetectLabels calls for keys below a prefix, as Rekognition counts them; None: it does not tell."""
        if self.rekognition_url is None:
            return None
        objects: dict[str, int] = ask_rekognition(f"{self.rekognition_url}/_rekognition/calls")["objects"]
        start = f"{self.target.outputs.bucket}/{prefix}"
        return sum(count for name, count in objects.items() if name.startswith(start))


@contextmanager
def cloud_with_quota(tps: float, recogniser: str = "simulated", seed: int = 0) -> Iterator[LocalCloud]:
    """Start a local cloud whose simulated Rekognition has a quota, set up as the deploy tool does it by that."""
    simulation = json.dumps(_simulation(recogniser, seed) | {"tps": tps})
    concurrency = concurrency_for(tps)
    parameters = {
        "RekognitionTps": f"{tps:g}",
        "MaxConcurrency": f"{concurrency.live}",
        "BulkConcurrency": f"{concurrency.bulk}",
    }
    options = ["--mode", "simulated", "--simulation", simulation]
    with (
        tempfile.TemporaryDirectory(prefix="photo-labels-") as state,
        LocalCloud(Path(state), recogniser=options, parameters=parameters) as cloud,
    ):
        yield cloud


@contextmanager
def own_cloud_with_quota(tps: float, recogniser: str, seed: int) -> Iterator[LoadTestTarget]:
    """A local cloud with a quota, for live photos beside bulk work."""
    with cloud_with_quota(tps, recogniser, seed) as cloud:
        said = f"{_local(recogniser)} Its quota is {tps:g} calls a second."
        yield LoadTestTarget(cloud.target, said, concurrency_for(tps).live, tps, True, cloud.rekognition_url)


@contextmanager
def own_cloud(rate: float, recogniser: str, seed: int, handler: str | None = None) -> Iterator[LoadTestTarget]:
    """A local cloud with as many environments as the rate keeps busy on average: at it, no photo waits for one."""
    wanted = min(_MAX_ENVIRONMENTS, max(_FEWEST_ENVIRONMENTS, math.ceil(rate * _SECONDS_A_PHOTO)))
    if recogniser == "instant":  # nothing is waited for: more than one a core only get into each other's way
        wanted = max(2, os.cpu_count() or 2)
    options = ["--mode", "vision"]
    if recogniser != "vision":
        options = ["--mode", "simulated", "--simulation", json.dumps(_simulation(recogniser, seed))]
    with (
        tempfile.TemporaryDirectory(prefix="photo-labels-") as state,
        LocalCloud(
            Path(state), recogniser=options, parameters={"MaxConcurrency": str(wanted)}, handler=handler
        ) as cloud,
    ):
        yield LoadTestTarget(cloud.target, _local(recogniser), wanted, 0.0, True, cloud.rekognition_url)


@contextmanager
def running_cloud(recogniser: str, seed: int) -> Iterator[LoadTestTarget]:
    """The local cloud of `make up`; its Rekognition is as before in the end. Raises UserError."""
    target = local_target()
    running = State(LOCAL_STATE).running()
    if running is None:
        raise UserError("The local cloud has just stopped: run it again.")
    if running.library:
        raise UserError(
            f"The local cloud keeps the library in {running.library}, which is no place for made-up photos: "
            "`make down` first."
        )
    url = running.rekognition_url
    settings = f"{url}/_rekognition/settings"
    before = ask_rekognition(settings)
    wanted = (
        {"mode": "vision"} if recogniser == "vision" else {"mode": "simulated", **_simulation(recogniser, seed)}
    )
    ask_rekognition(settings, wanted)
    concurrency, tps = _concurrency(target), _tps(target, running.stack)
    quota = f"a quota of {tps:g} calls a second" if tps else "no quota"
    its = f"It is the one of `make up`, with {concurrency} environments and {quota}"
    said = f"{_local(recogniser)} {its}: the figures compare with its own only."
    try:
        yield LoadTestTarget(target, said, concurrency, tps, False, url)
    finally:
        ask_rekognition(settings, before)


def on_aws(stack: str, region: str | None) -> LoadTestTarget:
    """Find the stack. Raises UserError."""
    target = aws_target(stack, region, None)
    said = f"Nothing was simulated: {target.description}, stack {stack}."
    return LoadTestTarget(target, said, _concurrency(target), _tps(target, stack), False)


def _local(recogniser: str) -> str:
    labels = {
        "simulated": "Rekognition simulated, log-normal with p50 350 ms and p99 800 ms",
        "instant": "Rekognition simulated, answering at once",
        "vision": "Rekognition's place taken by two vision models",
    }
    return f"Local cloud on {os.cpu_count()} cores, which load test and pipeline share; {labels[recogniser]}."


def _simulation(recogniser: str, seed: int) -> dict[str, Any]:
    p50_ms, p99_ms = LATENCY_MS[recogniser]
    return {"seed": seed, "p50_ms": p50_ms, "p99_ms": p99_ms}


def _concurrency(target: Target) -> int | None:
    mapping = target.client("lambda").get_event_source_mapping(UUID=target.outputs.labelling.mapping_id)
    most: int | None = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
    return most


def _tps(target: Target, stack: str) -> float:
    """Return the quota that a stack keeps to; 0: none."""
    found = target.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}
    return float(parameters.get("RekognitionTps", 0))


def ask_rekognition(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Read, or with a body change, what the local Rekognition has. Raises UserError."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, method="GET" if body is None else "PUT")
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
    except OSError as error:
        raise UserError(f"The local Rekognition does not answer ({error}): `make down && make up`.") from error
    return found
