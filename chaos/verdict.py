"""What became of every photo once nothing is in flight: what is lost, wrong, or was paid for twice."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from loadtest.log import invocations
from local.models.vision import LabelTable
from local.request import Call
from local.simulation import Simulation, SimulationSettings
from photo_labels.library.audit import Auditor, Repairer
from photo_labels.library.auditing.findings import Finding, Problem
from photo_labels.library.failures import Failures
from photo_labels.library.reconciler import Reconciler
from photo_labels.library.table_reader import TableReader
from photo_labels.records.budget import Counted
from photo_labels.records.documents import Document, image_id, labels_from
from photo_labels.records.index import digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chaos.traffic import TrackedPhoto, Traffic
    from local.cloud import LocalCloud
    from photo_labels.library.target import Target

# It is quiet: nothing is under way.
_AT_ONCE = timedelta(days=-1)
ENDS = ("labelled", "rejected", "removed", "dead-lettered", "lost")


@dataclass(slots=True)
class Row:
    """What became of the photos that were changed last while a fault was on."""

    ends: Counter[str] = field(default_factory=Counter)
    # Photos of which a message was received more than once.
    retried: int = 0
    # Calls that Rekognition would have billed beyond one for each upload and each forced reconcile message; not
    # those with bytes, of which nobody knows whose they are.
    paid_twice: int = 0
    # Labelled with what is not in the photo, labelled without being one, or rejected for nothing.
    wrong: int = 0
    # From a photo's upload until it was searchable, the longest.
    longest_s: float = 0.0

    def __add__(self, other: Row) -> Row:
        return Row(
            self.ends + other.ends,
            self.retried + other.retried,
            self.paid_twice + other.paid_twice,
            self.wrong + other.wrong,
            max(self.longest_s, other.longest_s),
        )


@dataclass(slots=True)
class Verdict:
    """All rows, and what the audit found besides."""

    rows: dict[str, Row]
    # What the audit found, but for stray rows; and all that it found after it had removed those.
    problems: list[Problem]
    # Rows that no document backs: nobody sees them, and the audit removes them.
    strays: int
    # To Rekognition, that it would have billed.
    calls: int
    # Those of all calls that the budget does not know of.
    uncounted: int

    @property
    def lost(self) -> int:
        return sum(row.ends["lost"] for row in self.rows.values())

    @property
    def wrong(self) -> int:
        return sum(row.wrong for row in self.rows.values())


def judged(cloud: LocalCloud, traffic: Traffic, since_s: float) -> Verdict:
    """Compare what is there with what was done; `since_s`: epoch seconds of the beginning."""
    target, things = cloud.target, traffic.things
    bucket = target.outputs.bucket
    problems, strays = _audited(target)
    dead_letters = list(Failures(target).dead_letters())
    dead_lettered = {what for letter in dead_letters for what in letter.what.split(", ")}
    documents = TableReader(target).documents([image_id(bucket, key) for key in things])
    receives: Counter[str] = Counter()
    for function in target.outputs.functions:
        receives |= _receives(target.client("logs"), function.log_group, since_s)
    paid = _paid(cloud.rekognition_url)
    labels = _Labels(cloud)
    rows: dict[str, Row] = {}
    bodies = {letter.body for letter in dead_letters}
    for body, phase in traffic.poison.items():
        row = rows.setdefault(phase, Row())
        row.ends["dead-lettered" if body in bodies else "lost"] += 1
    for thing in things.values():
        image = image_id(bucket, thing.key)
        row = rows.setdefault(thing.phase, Row())
        document = documents.get(image)
        end = _end(thing, document)
        if end == "lost" and image in dead_lettered:
            end = "dead-lettered"
        row.ends[end] += 1
        row.retried += receives[digest(image)] > 1
        row.paid_twice += max(0, paid.get(image, 0) - len(thing.etags) - thing.forced)
        row.longest_s = max(row.longest_s, thing.seen_after_s or 0)
        if end == "labelled":
            row.wrong += not thing.is_photo or document is None or document.labels != labels.of(document)
            row.wrong += document is not None and (document.orientation is not None) != thing.is_converted
        row.wrong += end == "rejected" and thing.is_photo
    return Verdict(rows, problems, strays, sum(paid.values()), _uncounted(cloud))


def _uncounted(cloud: LocalCloud) -> int:
    """Return the calls that were made, but not counted in the item that the budget goes by."""
    table = cloud.target.outputs.label_quota_table
    assert table
    made: int = sum(_json(f"{cloud.rekognition_url}/_rekognition/calls")["outcomes"].values())
    items = cloud.target.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
    return max(0, made - sum(Counted.from_item(item).of_month for item in items))


def _audited(target: Target) -> tuple[list[Problem], int]:
    """Audit, remove stray rows, and audit again."""
    first: list[Problem] = []
    Auditor(target, _AT_ONCE).run(first.append)
    with Reconciler(target, None) as reconciler:
        repairer = Repairer(target, reconciler)
        strays = [problem for problem in first if problem.finding is Finding.STRAY_ROW]
        for problem in strays:
            repairer.repair(problem)
    problems = [problem for problem in first if problem.finding is not Finding.STRAY_ROW]
    again: list[Problem] = []
    Auditor(target, _AT_ONCE).run(again.append)
    return problems + [problem for problem in again if problem not in problems], len(strays)


def _end(thing: TrackedPhoto, document: Document | None) -> str:
    if thing.is_removed:
        return "removed" if document is None or document.status == "REMOVED" else "lost"
    if document is None or document.etag != thing.etags[-1]:
        return "lost"
    return {"LABELLED": "labelled", "REJECTED": "rejected"}.get(document.status, "lost")


class _Labels:
    """The labels that the simulated Rekognition gives to a photo."""

    def __init__(self, cloud: LocalCloud) -> None:
        settings = _json(f"{cloud.rekognition_url}/_rekognition/settings")
        del settings["mode"]
        self._simulation = Simulation(SimulationSettings(**settings), LabelTable())

    def of(self, document: Document) -> tuple[Any, ...]:
        # Bytes have no name: they all get the same labels.
        seen_as_object = (document.bucket, document.key, f'"{document.etag}"')
        surest = self._simulation.labels(*(("", "", "") if document.orientation else seen_as_object))
        least, most = float(document.min_confidence or Decimal(0)), document.max_labels or 0
        call = Call(None, document.bucket, document.key, "", least, most)
        return labels_from(call.response(surest)["Labels"])


def _receives(logs: Any, group: str, since_s: float) -> Counter[str]:
    """The highest receive count of any message about an image, by its digest."""
    receives: Counter[str] = Counter()
    for trace in _traces(logs, group, since_s):
        receives[trace["image"]] = max(receives[trace["image"]], trace["receives"])
    return receives


def _traces(logs: Any, group: str, since_s: float) -> Iterable[dict[str, Any]]:
    for invocation in invocations(logs, group, int(since_s * 1000)):
        yield from invocation.photos


def _paid(rekognition_url: str) -> dict[str, int]:
    paid: dict[str, int] = _json(f"{rekognition_url}/_rekognition/calls")["paid"]
    return paid


def _json(url: str) -> Any:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as answer:
        return json.load(answer)
