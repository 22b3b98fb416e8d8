"""The pipeline in a simulated AWS: two functions with their environments, queues and tables, and people's tools."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import BotoCoreError, ClientError

from handler.conversion import Converter
from handler.copies import Copies
from handler.deadline import Deadline
from handler.events import read_message
from handler.labelling import Labeller
from handler.lanes import converting_lanes, labelling_lanes
from handler.messages import Messages
from handler.model_settings import request_of
from handler.objects import Objects
from handler.pipeline import Pipeline
from handler.rate_limiter import NoSlotError
from handler.recognition import Recogniser
from handler.storage import Storage
from photo_labels.library.audit import UNDER_WAY_FOR, Auditor, Repairer
from photo_labels.library.failures import Failures
from photo_labels.library.purge import Chosen, Purger
from photo_labels.library.reconciler import Reconciler
from photo_labels.library.user_errors import UserError
from photo_labels.records.documents import TIME, iso
from tests.fakes.bucket import BUCKET, S3, Bucket, Rekognition, Versioning
from tests.fakes.dynamodb import DynamoDB, Tables
from tests.fakes.in_turn import InTurnExecutor
from tests.fakes.queues import SQS, Queue, Stored
from tests.fakes.stack import outputs_of_stack
from tests.fakes.world import SETTINGS
from tests.histories.clock import START, Time
from tests.histories.process import Crash, Fault, Process, Weather, in_turn

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from handler.lanes import Lane
    from photo_labels.library.auditing.findings import Problem

_SETTINGS = replace(
    SETTINGS, overflow_queue_url="overflow", bulk_queue_url="bulk", bulk_convert_queue_url="bulk-convert",
    photo_metadata=TIME,
)  # fmt: skip
_OF_CONVERTER = replace(
    _SETTINGS, overflow_queue_url=None, queue_url="convert", bulk_queue_url="bulk-convert", convert_queue_url=None,
    dead_letter_queue_url="convert-dead-letters",
)  # fmt: skip
QUEUES = {
    "QueueUrl": SETTINGS.queue_url,
    "OverflowQueueUrl": "overflow",
    "BulkQueueUrl": "bulk",
    "ConvertQueueUrl": "convert",
    "BulkConvertQueueUrl": "bulk-convert",
    "DeadLetterQueueUrl": SETTINGS.dead_letter_queue_url,
    "ConvertDeadLetterQueueUrl": "convert-dead-letters",
}
# How likely there is no slot for a photo in time.
_NO_SLOT = 0.2
OUTPUTS = QUEUES | {
    "Bucket": BUCKET,
    "KeyPrefix": "",
    "ImageLabelsTable": SETTINGS.image_labels_table,
    "LabelIndexTable": SETTINGS.label_index_table,
    "ContentClaimsTable": "ContentClaims",
}
DEAD_LETTERS = ("dead-letters", "convert-dead-letters")
_VISIBILITY_S = 120.0
_TIMEOUT_S = {False: 20.0, True: 60.0}
# Objects or items of one page of the tools, so that much happens between two.
_PAGE = 2
_EXPIRE_WITHIN_S = 2 * 86_400


class World:
    """Everything that exists in one history, and all that can be done to it."""

    def __init__(self, seed: int, versioning: Versioning, faults: dict[Fault, float]) -> None:
        self.dice = random.Random(seed)
        random.seed(seed)  # the function's own jitter
        self.time = Time()
        self.weather = Weather(self.time, self.dice, faults)
        self.tables = Tables()
        self._changes = 0
        self.bucket = Bucket(self.time.now, self._sequencer, versioning)
        self.queues: dict[str, Queue] = {}
        for url in DEAD_LETTERS:
            self.queues[url] = Queue(self._epoch_s, self.dice)
        self._fleets = []
        for is_converting, lanes, dead in (
            (False, labelling_lanes(_SETTINGS), "dead-letters"),
            (True, converting_lanes(_OF_CONVERTER), "convert-dead-letters"),
        ):
            for lane in lanes:
                url = lane.queue_url
                self.queues[url] = Queue(self._epoch_s, self.dice, dead_letters=self.queues[dead])
                size = 2 if url == SETTINGS.queue_url else 1
                self._fleets.append(_Fleet(self, lane, is_converting=is_converting, size=size))
        self.recognised: Counter[str] = Counter()
        # Something was missed, or taken out, that no event will bring.
        self.is_reconciling_needed = False
        # By key: when the last purge that ended was, unless somebody asked for photos since.
        self.purged_at: dict[str, str] = {}
        self._asked_at = ""

    # ------------------------------------------------------------ what happens

    def notify(self, record: dict[str, Any], in_s: float) -> None:
        """S3 sends an event."""
        self.queues["queue"].send(_body(record), in_s=in_s)

    def reconcile(self, key: str, *, force: bool) -> None:
        """Somebody sends a reconcile message."""
        self._ask()
        body = {"source": "photo-labels", "action": "reconcile", "bucket": BUCKET, "key": key, "force": force}
        self.queues["bulk"].send(_body(body))

    def use(self, tool: Callable[[Any], object]) -> None:
        """A person runs a tool, which may be stopped at any call, or by an error of AWS's."""
        with suppress(Crash, ClientError, BotoCoreError, UserError):
            tool(self._target())

    def audit(self, report: Callable[[Problem], None], *, is_quiet: bool = False) -> None:
        """`photos audit`; `is_quiet`: nothing is under way."""
        self.use(lambda target: self._auditor(target, is_quiet).run(report))

    def repair(self, *, is_quiet: bool = False) -> None:
        """`photos audit --repair`."""

        def tool(target: Any) -> None:
            with Reconciler(target, None) as reconciler:
                self._auditor(target, is_quiet).run(Repairer(target, reconciler).repair)

        self.use(tool)
        if not is_quiet:  # it may ask for what it saw before a purge
            self._ask()

    def purge(self, key: str) -> None:
        """`photos purge`, of one photo, whose object stays."""
        self.is_reconciling_needed = True
        chosen = Chosen([f"{BUCKET}/{key}"])
        self.purged_at.pop(key, None)

        def tool(target: Any) -> None:
            self._purger(target, chosen).run(lambda _: None)
            documents = {item["Key"]: item for item in self.tables.plain("ImageLabels")}
            purged_at = documents.get(key, {}).get("PurgedAt", "")
            if purged_at > self._asked_at:
                self.purged_at[key] = purged_at

        self.use(tool)

    def redrive(self) -> None:
        """`photos failures --redrive`."""

        def tool(target: Any) -> None:
            with Reconciler(target, None) as reconciler:
                failures = Failures(
                    target,
                    pause=self.time.sleep,
                    clock=lambda: self.time.now_s,
                    executor=lambda _: InTurnExecutor(),
                )
                failures.redrive(None, reconciler)

        if any("reconcile" in one.body for url in DEAD_LETTERS for one in self.queues[url].messages.values()):
            self._ask()  # they count as sent now
        self.use(tool)

    def expire(self) -> None:
        """DynamoDB deletes tombstones whose time is over, some of them."""
        labels = self.tables.items["ImageLabels"]
        for key, item in list(labels.items()):
            expires_s = float(item.get("ExpiresAt", {"N": "inf"})["N"])
            if expires_s + self.dice.random() * _EXPIRE_WITHIN_S < self._epoch_s():
                del labels[key]
                self.purged_at.pop(item["Key"]["S"], None)

    def age(self) -> None:
        """Put documents and rows into the form that they had before there were commits; at most once a history."""
        rows = self.tables.items["LabelIndex"]
        for item in self.tables.items["ImageLabels"].values():
            commit = item.pop("CommitID", None)
            for (label, rank), row in [one for one in rows.items() if one[1].get("CommitID") == commit]:
                del rows[label, rank], row["CommitID"]
                row["Rank"] = {"S": f"{rank.rpartition('#')[0]}#{item['Sequencer']['S']}"}
                rows[label, row["Rank"]["S"]] = row

    # ------------------------------------------------------------ how

    def _ask(self) -> None:
        """Somebody asks for the truth about photos, also where they were purged."""
        self._asked_at = iso(self.time.now())
        self.purged_at.clear()

    def _sequencer(self) -> str:
        """S3's: longer ones are not larger, and order is that of texts padded with zeros."""
        self._changes += 1
        more = self.dice.choice(["", "0", "01", "F", "00A0", "9000"])
        return (
            f"{self._changes * 7:06X}{more}".ljust(18, "0")
            if self._changes % 3
            else f"{self._changes * 7:06X}{more}"
        )

    def _epoch_s(self) -> float:
        return START.timestamp() + self.time.now_s

    def _auditor(self, target: Any, is_quiet: bool) -> Auditor:
        under_way_for = timedelta(days=-1) if is_quiet else UNDER_WAY_FOR
        return Auditor(
            target, under_way_for, now=self.time.now, pause=self.time.sleep, executor=lambda _: InTurnExecutor()
        )

    def _purger(self, target: Any, chosen: Chosen) -> Purger:
        return Purger(
            target,
            chosen,
            pause=self.time.sleep,
            clock=lambda: self.time.now_s,
            executor=lambda _: InTurnExecutor(),
        )

    def _target(self) -> Any:
        """A pipeline as the tools see it, from a machine of its own."""
        process = Process(self.time, self.dice, self.weather)
        fakes = {
            "s3": S3(self.bucket, page=_PAGE),
            "dynamodb": DynamoDB(self.tables, page=_PAGE),
            "sqs": SQS(self.queues),
        }
        clients = {name: process.client(_unchecked(fake)) for name, fake in fakes.items()}
        return SimpleNamespace(
            client=lambda name, **_: clients[name], outputs=outputs_of_stack(OUTPUTS), is_local=False
        )


class _Fleet:
    """A function's environments, and the pollers that bring them messages."""

    def __init__(self, world: World, lane: Lane, *, is_converting: bool, size: int) -> None:
        self._world = world
        self._lane = lane
        self._is_converting = is_converting
        self._queue = world.queues[lane.queue_url]
        self._queue.on_visible = self._expect
        self._idle = [_Environment(world, lane, is_converting=is_converting) for _ in range(size)]
        self._most = 1 if is_converting else 10

    def _expect(self, epoch_s: float) -> None:
        in_s = epoch_s - self._queue.clock() + self._world.dice.random() * 0.02
        self._world.time.start(self._poll, in_s)

    def _poll(self) -> None:
        """Return what can be received to an environment that has nothing to do; one that has looks here when it ends."""
        while self._idle:
            received = self._queue.receive(self._world.dice.randint(1, self._most), _VISIBILITY_S)
            if not received:
                return
            environment = self._idle.pop()
            try:
                done = environment.invoke(received)
            except Crash:
                environment = _Environment(self._world, self._lane, is_converting=self._is_converting)
            else:
                for receipt in done:
                    self._queue.delete(receipt)
            self._idle.append(environment)


class _Environment:
    """One execution environment: what it remembers is gone when it dies."""

    def __init__(self, world: World, lane: Lane, *, is_converting: bool) -> None:
        self._world = world
        self._lane = lane
        self._timeout_s = _TIMEOUT_S[is_converting]
        self._process = Process(world.time, world.dice, world.weather)
        skew_s = world.dice.uniform(-2.5, 2.5)
        settings = _OF_CONVERTER if is_converting else _SETTINGS
        dynamodb, rekognition, s3, sqs = (
            self._process.client(_unchecked(fake))
            for fake in (
                DynamoDB(world.tables, unprocessed=world.weather.unprocessed),
                Rekognition(world.bucket, lambda key: world.recognised.update([key])),
                S3(world.bucket),
                SQS(world.queues),
            )
        )
        limiter: Any = _AnyLimiter(world.dice)
        recogniser = Recogniser(
            rekognition,
            request_of(settings),
            rate_limiter=limiter,
        )
        storage = Storage(
            dynamodb, settings.image_labels_table, settings.label_index_table, settings.content_claims_table
        )
        objects = Objects(s3)
        copies = Copies(settings, storage, objects, now=lambda: world.time.now(skew_s))
        self._pipeline = Pipeline(
            storage,
            Labeller(
                settings,
                _InProcess(s3, recogniser) if is_converting else recogniser,
                objects,
                copies,
                now=lambda: world.time.now(skew_s),
            ),
            copies,
            Messages(sqs, settings.dead_letter_queue_url),
            concurrency=settings.rekognition_concurrency,
            now=lambda: world.time.now(skew_s),
            threads=in_turn(world.dice),
        )

    def invoke(self, received: list[Stored]) -> list[str]:
        """Return the receipts of what is done. Raises Crash."""
        time, end_s = self._world.time, self._world.time.now_s + self._timeout_s
        deadline = Deadline(lambda: (end_s - time.now_s) * 1000, reserve_s=0.5, pause=time.sleep)
        messages = [read_message(_record(one)) for one in received]
        try:
            report = self._pipeline.run(messages, self._lane, deadline)
        finally:
            deadline.close()
        failed = {message.message_id for message in report.failed}
        if self._world.weather.fault():  # what the function says does not reach the poller
            return []
        time.sleep(self._world.weather.latency_s())
        return [one.receipt for one in received if one.id not in failed]


class _AnyLimiter:
    """There is a slot, or there is none, whoever asks."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    def acquire(self, _request: Any, _deadline: Deadline, **_: Any) -> None:
        if self._dice.random() < _NO_SLOT:
            raise NoSlotError

    def give_back(self) -> None:
        """Nobody counts."""

    def throttled(self, _deadline: Deadline) -> None:
        """Nobody counts."""


class _InProcess(Converter):
    """Decodes without a process of its own."""

    def __init__(self, client: Any, recogniser: Recogniser) -> None:
        super().__init__(client, recogniser)

    def _decode(self, photo: IO[bytes], answer: IO[bytes], deadline: Deadline) -> None:
        photo.seek(0)
        answer.write(photo.read())


def _record(one: Stored) -> SQSRecord:
    return SQSRecord(
        {
            "messageId": one.id,
            "receiptHandle": one.receipt,
            "body": one.body,
            "attributes": {
                "ApproximateReceiveCount": str(one.receives),
                "SentTimestamp": str(int(one.sent_s * 1000)),
            },
        }
    )


def _unchecked(fake: Any) -> Any:
    fake.is_checked = False
    return fake


def _body(content: dict[str, Any]) -> str:
    import json  # noqa: PLC0415

    return json.dumps({"Records": [content]} if "s3" in content else content)
