"""What an invocation reports: one log line for each image that was not plainly labelled, and the metrics.

Runs in the main thread only: Powertools' `append_keys` and metrics are not made for several.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from handler.lanes import BULK, LIVE
from photo_labels.records.errors import AWS_ERRORS, TransientError, code_of
from photo_labels.records.formats import NOT_A_PHOTO, REASONS_WITHOUT_ALARM, TOO_SMALL
from photo_labels.records.index import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools import Logger, Metrics

    from handler.decisions import Write
    from handler.events import Message
    from handler.report import Outcome, Report
    from handler.results import CallStats

# Photos of one batch that are traced at most: EMF reads no line above 256 KB.
_TRACED = 100


def report_batch(report: Report, logger: Logger, metrics: Metrics) -> None:
    """Log and count one batch."""
    _log(report, logger)
    _count(report, metrics)


def report_budget(spent_until: datetime | None, logger: Logger, metrics: Metrics) -> None:
    """Log and count a look at the budget; None: it is not spent."""
    metrics.add_metric("BudgetSpent", MetricUnit.Count, int(spent_until is not None))
    if spent_until:
        logger.warning("the budget is spent", extra={"until": spent_until.isoformat()})


def _log(report: Report, logger: Logger) -> None:
    carriers = _first_message_by_image(report.messages)
    for image, outcome in report.outcomes.items():
        message = carriers[image]
        event = next(event for event in message.events if event.image_id == image)
        facts = {"bucket": event.bucket, "key": event.key, "messageId": message.message_id}
        _log_outcome(outcome, logger, facts, report.call_stats.get(image))
    for message in report.messages:
        if message.malformed:
            facts = {"messageId": message.message_id, "reason": message.malformed.reason}
            error = report.dead_letter_failures.get(message.message_id)
            if error:
                logger.error("malformed message, not in the DLQ yet", extra=facts | {"error": code_of(error)})
            elif message not in report.failed:
                logger.warning(
                    "malformed message, sent to the DLQ", extra=facts | {"detail": message.malformed.detail}
                )
    for message_id, code in report.not_backed_off.items():
        logger.info("visibility timeout left as it is", extra={"messageId": message_id, "reason": code})
    for image, error in report.rows_left:
        logger.warning("outdated index rows left", extra={"image": image, "reason": code_of(error)})
    slot_error = [stats.slot_error for stats in report.call_stats.values() if stats.slot_error]
    for error in slot_error[:1]:
        facts = {"reason": code_of(error), "detail": str(error)}
        logger.warning("no slots from LabelQuota, kept to an equal share of the quota", extra=facts)
    claim_errors = [report.claim_error, *(stats.claim_error for stats in report.call_stats.values())]
    for error in list(filter(None, claim_errors))[:1]:
        facts = {"reason": code_of(error), "detail": str(error)}
        logger.warning("no claims in ContentClaims, labelled each photo for itself", extra=facts)


def _log_outcome(outcome: Outcome, logger: Logger, facts: dict[str, Any], stats: CallStats | None) -> None:
    error, write = outcome.error, outcome.write
    if error:
        expected = isinstance(error, (*AWS_ERRORS, TransientError))
        facts |= {"reason": code_of(error), "detail": str(error)}
        if expected:
            logger.warning("failed", extra=facts)
        else:
            logger.error("failed: a bug", extra=facts, exc_info=error)
    elif outcome.skip_reason:
        logger.info(
            "nothing to do",
            extra=facts | {"reason": outcome.skip_reason.name, "detail": outcome.skip_reason.value},
        )
    elif outcome.forwarded:
        is_to_be_converted = outcome.forwarded.is_to_be_converted
        said = "forwarded to the converter" if is_to_be_converted else "forwarded to another lane"
        queue = outcome.forwarded.queue_url.rpartition("/")[2]
        logger.info(said, extra=facts | {"reason": outcome.forwarded.why, "queue": queue})
    elif outcome.superseded:
        logger.info("nothing to do", extra=facts | {"reason": "SUPERSEDED"})
    elif write and write.document.status != "LABELLED":
        document = write.document
        logger.info(
            document.status.lower(),
            extra=facts | {"reason": document.reason or "NoObject", "detail": document.detail},
        )
    elif stats and stats.decoded:
        logger.info("converted", extra=facts | asdict(stats.decoded))


def _first_message_by_image(messages: list[Message]) -> Mapping[str, Message]:
    carriers: dict[str, Message] = {}
    for message in messages:
        for event in message.events:
            carriers.setdefault(event.image_id, message)
    return carriers


def _count(report: Report, metrics: Metrics) -> None:
    outcomes, priority = list(report.outcomes.values()), report.lane.priority
    written = [one.write for one in outcomes if one.write and not one.superseded]
    forwarded = [one.forwarded for one in outcomes if one.forwarded and not one.error]
    photos = [write for write in written if write.document.reason not in REASONS_WITHOUT_ALARM]
    # Of bulk work its importer says what is rejected: no alarm has to.
    live = [write for write in photos if priority is not BULK and not write.is_marked]
    ended = "ConvertMessagesEnded" if report.lane.is_converting else "MessagesEnded"
    counts = {
        ended: _ended(report),
        "ImagesLabelled": sum(write.document.status == "LABELLED" for write in written),
        "ImagesCopied": sum(write.document.copy_of is not None for write in written),
        "ImagesHandedOver": sum(one.is_to_be_converted for one in forwarded),
        "ImagesForwarded": sum(not one.is_to_be_converted for one in forwarded),
        "ImagesRemoved": sum(write.document.status == "REMOVED" for write in written),
        "BulkImagesRejected": _rejected(photos) - _rejected(live),
        "NotPhotos": sum(write.document.reason == NOT_A_PHOTO for write in written),
        "SmallPhotos": sum(write.document.reason == TOO_SMALL for write in written),
        "RecordsFailed": len(report.failed),
        "DuplicateEvents": sum(
            one.skip_reason is not None and one.skip_reason.name == "DUPLICATE" for one in outcomes
        ),
        "RekognitionCalls": sum(stats.calls for stats in report.call_stats.values()),
        "RekognitionThrottles": sum(stats.throttles for stats in report.call_stats.values()),
    }
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    for write in live:
        # A sample of 0 or 1 for each photo: its sum is the count, its average the share that the alarm watches.
        metrics.add_metric("ImagesRejected", MetricUnit.Count, _rejected([write]))
    for stats in report.call_stats.values():
        for latency_ms in stats.latencies_ms:
            metrics.add_metric("RecognitionLatency", MetricUnit.Milliseconds, latency_ms)
    # Bulk work waits for days, as it is meant to, and the overflow until those before it are done.
    for latency_ms in _end_to_end_ms(outcomes) if priority is not BULK else ():
        metrics.add_metric("EndToEndLatency", MetricUnit.Milliseconds, latency_ms)
    if priority is LIVE:
        metrics.add_metric("OldestPhotoAge", MetricUnit.Seconds, _oldest_s(report))
    metrics.add_metadata("Photos", _traces(report))


def _ended(report: Report) -> int:
    """Count the messages that this function is done with, whatever their photos came to.

    What is sent to another lane, or anew to its own, still waits for it: that is no end. What is handed over to be
    converted has left it, and waits for the other function.
    """
    in_lanes = {
        image
        for image, outcome in report.outcomes.items()
        if outcome.forwarded and not outcome.forwarded.is_to_be_converted
    }
    return sum(
        message not in report.failed and all(event.image_id not in in_lanes for event in message.events)
        for message in report.messages
    )


def _rejected(writes: list[Write]) -> int:
    return sum(write.document.status == "REJECTED" for write in writes)


def _traces(report: Report) -> list[dict[str, Any]]:
    """When each photo reached which stage, in epoch milliseconds: no metric, but in the log beside them.

    `image` is `digest` of the ImageID (`photo_labels.records.documents`). 200 bytes for each photo, 10 cents for a
    million.
    """
    carriers = _first_message_by_image(report.messages)
    traces = []
    for image, outcome in islice(report.outcomes.items(), _TRACED):
        document, stats = outcome.write and outcome.write.document, report.call_stats.get(image)
        trace: dict[str, Any] = {
            "image": digest(image),
            "end": _end(outcome),
            "receives": carriers[image].receive_count,
            "calls": stats.calls if stats else 0,
            "received": _epoch_ms(report.received_at),
        }
        if document:
            trace["recognised"] = _epoch_ms(datetime.fromisoformat(document.labelled_at))
        if outcome.committed_at:
            trace["committed"] = _epoch_ms(outcome.committed_at)
        traces.append(trace)
    return traces


def _end(outcome: Outcome) -> str:
    if outcome.error:
        return "FAILED"
    if outcome.skip_reason:
        return outcome.skip_reason.name
    if outcome.forwarded:
        return "HANDED_OVER" if outcome.forwarded.is_to_be_converted else "FORWARDED"
    return outcome.write.document.status if outcome.write and not outcome.superseded else "SUPERSEDED"


def _epoch_ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _end_to_end_ms(outcomes: list[Outcome]) -> list[float]:
    """From the event's time to the commit, of photos that an event brought."""
    return [
        max(0.0, (one.committed_at - datetime.fromisoformat(one.write.document.event_time)).total_seconds() * 1000)
        for one in outcomes
        if one.write and one.committed_at and one.write.document.event_time and not one.write.reconciled
    ]


def _oldest_s(report: Report) -> float:
    """Age of the oldest photo that was received, labelled or not.

    By its event, not by its message: the queue's own age leaves out messages that were received three times.
    """
    times = [event.time or message.sent_at for message in report.messages for event in message.events]
    return max((max(0.0, (report.received_at - time).total_seconds()) for time in times), default=0.0)
