"""For any mixture of records, duplicates, order, errors, unprocessed items and deadlines: nothing is lost.

Every record ends exactly one way, every document is the newest event's, and the index equals the documents.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaos.envelopes import in_sns, of_event_bridge
from tests.fakes.aws import aws_error
from tests.fakes.world import BUCKET, Function, Photo, World, failing

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

KEYS = ["a.jpg", "b c+d%.png", "é/ü.jpg"]
LABELS = ["Animal", "Cat", "Dog", "Person"]
TRANSIENT = ["ThrottlingException", "InternalServerError", "AccessDeniedException", "ServiceUnavailable"]
OF_S3 = ["403", "500", "503"]
# An answer to HEAD has no body, so its code is its status.
OF_HEAD_OBJECT = ["400", *OF_S3]
PERMANENT = ["InvalidImageFormatException", "ImageTooLargeException"]

photos = st.builds(
    Photo,
    labels=st.dictionaries(st.sampled_from(LABELS), st.sampled_from([70.0, 80.0, 99.999, 100.0]), max_size=3),
    error=st.sampled_from([None, None, None, *PERMANENT]),
    decodes=st.booleans(),
    size=st.sampled_from([0, 100_000]),
)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(KEYS), photos),
        st.tuples(st.just("remove"), st.sampled_from(KEYS), st.none()),
        st.tuples(st.just("reconcile"), st.sampled_from(KEYS), st.booleans()),
        st.tuples(st.just("garbage"), st.just(""), st.sampled_from(["", "{}", "[1]", '{"Records": [{}]}'])),
    ),
    min_size=1,
    max_size=8,
)


# An event as S3, EventBridge and SNS send it.
ENVELOPES: list[Callable[[dict[str, Any]], Any]] = [
    lambda event: event,
    of_event_bridge,
    lambda event: in_sns(json.dumps({"Records": [event]})),
    lambda event: in_sns(of_event_bridge(event)),
]


def record_of(world: World, dice: random.Random, what: str, key: str, detail: Any) -> SQSRecord:
    if what in {"put", "remove"}:
        event = world.put(key, detail) if what == "put" else world.remove(key)
        return world.message(dice.choice(ENVELOPES)(event))
    if what == "reconcile":
        body = {"source": "photo-labels", "action": "reconcile", "bucket": BUCKET, "key": key, "force": detail}
        return world.message(body)
    return world.message(detail)


class Weather:
    """Faults for a while, then none: what the queue brings back must succeed in the end."""

    def __init__(self, dice: random.Random, rate: float) -> None:
        self.dice, self.rate = dice, rate

    def hook(self, operation: str, _parameters: dict[str, Any]) -> None:
        if self.dice.random() < self.rate:
            of_s3 = {"HeadObject": OF_HEAD_OBJECT, "GetObject": OF_S3}
            code = self.dice.choice(of_s3.get(operation, TRANSIENT))
            raise aws_error(code, status=int(code) if code.isdigit() else None)

    def unprocessed(self, entries: int) -> int:
        return self.dice.randint(0, entries) if self.dice.random() < self.rate else 0


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    happenings=happenings,
    duplicates=st.integers(0, 3),
    seed=st.integers(0, 2**32),
    rate=st.sampled_from([0.0, 0.1, 0.5]),
    seconds=st.sampled_from([20.0, 12.0, 3.0]),
)
def test_given_any_history_when_the_queue_is_empty_then_nothing_is_lost(
    happenings: list[tuple[str, str, Any]], duplicates: int, seed: int, rate: float, seconds: float
) -> None:
    world, dice = World(), random.Random(seed)
    weather = Weather(dice, rate)
    functions = [
        Function(world, weather.hook, is_converting=is_converting, unprocessed=weather.unprocessed)
        for is_converting in (False, True)
    ]
    queue = [record_of(world, dice, *happening) for happening in happenings]
    converted: list[SQSRecord] = []
    garbage = {
        record.message_id for record, (what, *_) in zip(queue, happenings, strict=True) if what == "garbage"
    }
    queue += dice.choices(queue, k=duplicates)
    for turn in range(200):
        converted += [world.message(body) for body in world.forwarded]
        world.forwarded.clear()
        if not queue and not converted:
            break
        is_converting = not queue or (bool(converted) and dice.random() < 0.5)
        source, most = (converted, 1) if is_converting else (queue, dice.randint(1, 10))
        dice.shuffle(source)
        batch = {record.message_id: record for record in source[:most]}
        report = functions[is_converting].receive(*batch.values(), seconds=20.0 if turn > 50 else seconds)
        done = set(batch) - failing(report)
        assert {message.message_id for message in report.messages} == set(batch)
        assert len(report.failed) == len(failing(report))
        for record in [batch[name] for name in done]:
            source.remove(record)
        if turn > 50:
            weather.rate = 0.0
        world.clock.pause(dice.uniform(0, 20))
    assert queue + converted == [], "a record never ends"
    dead_lettered = {dead["MessageAttributes"]["SourceMessageId"]["StringValue"] for dead in world.dead}
    assert dead_lettered == garbage
    for key in {key for what, key, _ in happenings if what != "garbage"}:
        check(world, key)


def check(world: World, key: str) -> None:
    """The document tells what is in S3, and a reader finds exactly its labels."""
    version, document = world.bucket.present(key), world.document(key)
    photo = version.photo if version else None
    assert document
    expected: dict[str, float] = {}
    if photo is None:
        assert document["Status"] == "REMOVED"
    elif photo.size == 0 or (photo.error and not photo.decodes):
        assert document["Status"] == "REJECTED"
        assert document["Reason"] == ("BrokenPhoto" if photo.size else "EmptyObject")
    else:
        assert document.get("Orientation") == (6 if photo.error else None)
        assert (document["Status"], document["ETag"]) == ("LABELLED", photo.etag)
        expected = {name: value for name, value in photo.labels.items() if value >= 80}
        assert {one["Name"]: float(one["Confidence"]) for one in document["Labels"]} == expected
    for label in LABELS:
        assert (key in world.found(label)) == (label in expected)
