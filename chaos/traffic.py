"""Photos that flow at a steady rate, with duplicates, overwrites and removals, and what has to come of each."""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from chaos import poison
from chaos.envelopes import in_sns, of_event_bridge
from loadtest.mix import one_size
from photo_labels.library.reconciler import Reconciler
from photo_labels.library.table_reader import TableReader
from photo_labels.records.documents import Document, image_id
from photo_labels.records.heads import BULK, LANE_METADATA

if TYPE_CHECKING:
    from collections.abc import Callable

    from photo_labels.library.target import Target

# Of what is done in a second: two cores do twice as many, so that a backlog is made good.
RATE = 20.0
# Phases in which nothing is wrong: the first, and how the names of those begin that follow a fault.
CALM, AFTER = "none", "after "
_QUICK_S = 1.0
_LOOK_S = 0.05
_LOOKED_FOR_AT_A_TIME = 100
# What is done, and how often.
_ACTIONS = {
    "new": 58,
    "overwrite": 12,
    "remove": 8,
    "duplicate": 6,
    "many": 1,
    "reconcile": 3,
    "poison": 4,
    "no photo": 4,
    "other format": 2,
    "odd name": 4,
}
# What makes the function make a call that it seldom makes; done more often while that call's fault is on.
_OFTEN = {
    "PutItem": "overwrite",
    "DeleteItem": "overwrite",
    "HeadObject": "remove",
    "SendMessage": "poison",
    "GetObject": "other format",
    "SendMessageBatch": "other format",
}
_MANY = 500
# Of the uploads, those that are marked as bulk work.
_BULK = 0.5


@dataclass(slots=True)
class TrackedPhoto:
    """One key, and everything that was done with it."""

    key: str
    # The fault that was on when it was last changed.
    phase: str
    # Of all uploads, the present one last.
    etags: list[str] = field(default_factory=list)
    # What is there is one: to be labelled, not rejected.
    is_photo: bool = True
    # It is one that Rekognition does not read as it is.
    is_converted: bool = False
    is_removed: bool = False
    # Reconcile messages sent for it, each of which may be paid for.
    forced: int = 0
    # The last upload; monotonic.
    put_at: float = 0.0
    # The document of the last upload was seen so much later.
    seen_after_s: float | None = None

    @property
    def is_quick(self) -> bool:
        """It was searchable within a second, or gone before anybody could know, or takes what decoding takes."""
        return (
            self.is_removed
            or self.is_converted
            or (self.seen_after_s is not None and self.seen_after_s < _QUICK_S)
        )


class Traffic:
    """Changes a bucket from a thread of its own, and looks for the resulting documents."""

    def __init__(self, target: Target, seed: int) -> None:
        self._bucket = target.outputs.bucket
        self._queue = target.outputs.labelling.queue_url
        self._s3, self._sqs = target.client("s3"), target.client("sqs")
        self._reader = TableReader(target)
        self._reconciler = Reconciler(target, None)
        self._random = random.Random(seed)
        [self._photo] = one_size("2KB").bodies
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._is_stopped = threading.Event()
        self._waited_for: dict[str, TrackedPhoto] = {}
        self._failure: BaseException | None = None
        self.things: dict[str, TrackedPhoto] = {}
        # Malformed messages, and the fault that was on.
        self.poison: dict[str, str] = {}
        self.phase = CALM
        self.duplicates = 0
        self._threads = [threading.Thread(target=self._guarded, args=(job,)) for job in (self._act, self._look)]

    @property
    def uploads(self) -> int:
        return sum(len(thing.etags) for thing in list(self.things.values()))

    @property
    def waited_for(self) -> int:
        """Uploads whose document was not seen yet."""
        return len(self._waited_for)

    def is_quick(self, since: float, until: float) -> bool:
        """Tell whether all that was sent between two moments was searchable within a second."""
        things = list(self.things.values())
        return all(thing.is_quick for thing in things if since <= thing.put_at < until)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def check(self) -> None:
        """Raise the error that ended a thread."""
        if self._failure:
            raise self._failure

    def stop_acting(self) -> None:
        """Start nothing new; go on looking for what was done."""
        self._stopped.set()
        self._threads[0].join()

    def stop(self) -> None:
        self._stopped.set()
        self._is_stopped.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _guarded(self, job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - raised again by `check`, in the main thread
            self._failure = error

    def _act(self) -> None:
        actions: dict[str, Callable[[], None]] = {
            "new": self._upload_new,
            "overwrite": self._overwrite,
            "remove": self._remove,
            "duplicate": self._duplicate,
            "many": self._many,
            "reconcile": self._reconcile,
            "poison": self._poison,
            "no photo": self._upload_no_photo,
            "other format": self._upload_other_format,
            "odd name": self._upload_odd_name,
        }
        due = time.monotonic()
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            due += 1 / RATE
            weights = dict(_ACTIONS)
            if often := _OFTEN.get(self.phase.partition(":")[0]):
                weights[often] += 50
            [action] = self._random.choices(list(weights), list(weights.values()))
            actions[action if self.things else "new"]()

    def _any(self) -> TrackedPhoto:
        return self.things[self._random.choice(list(self.things))]

    def _upload_new(self) -> None:
        self._upload(self._made(f"chaos/{len(self.things):06d} +%.jpg"), self._photo)

    def _upload_odd_name(self) -> None:
        name = self._random.choice(poison.KEYS).format(len(self.things))
        self._upload(self._made(name), self._photo)

    def _upload_no_photo(self) -> None:
        name = self._random.choice(list(poison.NO_PHOTOS))
        self._upload(self._made(f"chaos/{len(self.things):06d} {name}"), poison.NO_PHOTOS[name])

    def _upload_other_format(self) -> None:
        name = self._random.choice(list(poison.OTHER_FORMATS))
        self._upload(self._made(f"chaos/{len(self.things):06d} {name}"), poison.OTHER_FORMATS[name])

    def _made(self, key: str) -> TrackedPhoto:
        return self.things.setdefault(key, TrackedPhoto(key, self.phase))

    def _overwrite(self) -> None:
        self._upload(self._any(), self._photo)

    def _upload(self, thing: TrackedPhoto, content: bytes) -> None:
        is_photo = content == self._photo or content in poison.OTHER_FORMATS.values()
        # A photo that is overwritten keeps its name, by which it is converted, too.
        is_converted = content in poison.OTHER_FORMATS.values() or thing.key.endswith((".HEIC", ".webp"))
        if content:
            content += f"{thing.key} {len(thing.etags)}".encode()
        put_at = time.monotonic()
        marked = {LANE_METADATA: BULK} if self._random.random() < _BULK else {}
        answer = self._s3.put_object(Bucket=self._bucket, Key=thing.key, Body=content, Metadata=marked)
        etag = answer["ETag"].strip('"')
        with self._lock:
            thing.etags.append(etag)
            thing.phase, thing.is_removed, thing.put_at, thing.seen_after_s = self.phase, False, put_at, None
            thing.is_photo, thing.is_converted = is_photo, is_converted
            self._waited_for[image_id(self._bucket, thing.key)] = thing

    def _remove(self) -> None:
        thing = self._any()
        self._s3.delete_object(Bucket=self._bucket, Key=thing.key)
        with self._lock:
            thing.phase, thing.is_removed = self.phase, True
            self._waited_for.pop(image_id(self._bucket, thing.key), None)

    def _duplicate(self) -> None:
        """Deliver an event again, that of the present document: late, maybe out of order, and in any envelope."""
        self._deliver_again([self._any()])

    def _many(self) -> None:
        """Deliver many events again in one message."""
        self._deliver_again(self._random.choices(list(self.things.values()), k=_MANY))

    def _deliver_again(self, things: list[TrackedPhoto]) -> None:
        images = list({image_id(self._bucket, thing.key) for thing in things})
        documents = self._reader.documents(images).values()
        events = [_event_of(document) for document in documents if document.status != "REMOVED"]
        if events:
            self._sqs.send_message(QueueUrl=self._queue, MessageBody=self._enveloped(events))
            self.duplicates += len(events)

    def _enveloped(self, events: list[dict[str, Any]]) -> str:
        """Write events as S3, SNS or EventBridge would send them; EventBridge sends each by itself."""
        forms = [json.dumps({"Records": events})]
        if len(events) == 1:
            forms.append(of_event_bridge(events[0]))
        return self._random.choice([*forms, *map(in_sns, forms)])

    def _reconcile(self) -> None:
        """Overwrite a photo and send a forced reconcile message: the event may come before it or after it."""
        thing = self._any()
        self._upload(thing, self._photo)
        with self._reconciler as reconciler:
            reconciler.ask(self._bucket, thing.key, force=True)
        thing.forced += 1

    def _poison(self) -> None:
        body = self._random.choice(poison.MESSAGES)(len(self.poison))
        self._sqs.send_message(QueueUrl=self._queue, MessageBody=body)
        self.poison[body] = self.phase

    def _look(self) -> None:
        """Look for the newest uploads, and for some older ones each time."""
        while not self._is_stopped.wait(_LOOK_S):
            with self._lock:
                images = list(self._waited_for)
            some = images[-_LOOKED_FOR_AT_A_TIME:]
            if len(images) > len(some):
                some += random.sample(images[: -len(some)], min(_LOOKED_FOR_AT_A_TIME, len(images) - len(some)))
            documents = self._reader.documents(some)
            now = time.monotonic()
            with self._lock:
                for image, document in documents.items():
                    thing = self._waited_for.get(image)
                    if thing and document.etag == thing.etags[-1]:
                        thing.seen_after_s = now - thing.put_at
                        del self._waited_for[image]


def _event_of(document: Document) -> dict[str, Any]:
    """Return the S3 record that a document came from."""
    return {
        "eventName": "ObjectCreated:Put",
        "eventTime": document.event_time,
        "s3": {
            "bucket": {"name": document.bucket},
            "object": {
                "key": quote_plus(document.key, safe="/"),
                "size": document.size,
                "eTag": document.etag,
                "sequencer": document.sequencer,
            },
        },
    }
