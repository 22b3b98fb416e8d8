"""What both functions are built of: the pipeline from settings and clients, and the handler that Lambda calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSEvent

from handler.budget_record import BudgetRecord
from handler.budget_switch import BudgetSwitch
from handler.copies import Copies
from handler.deadline import Deadline
from handler.events import read_message
from handler.labelling import Labeller
from handler.lanes import by_lane
from handler.messages import Messages
from handler.model_settings import request_of
from handler.objects import Objects
from handler.pipeline import Pipeline
from handler.rate_limiter import limiter_of
from handler.recognition import Recogniser
from handler.storage import Storage
from handler.telemetry import report_batch, report_budget
from photo_labels.records.budget import CHECK_BUDGET

if TYPE_CHECKING:
    from collections.abc import Callable

    from handler.clients import Clients
    from handler.events import Message
    from handler.labelling import Detector
    from handler.lanes import Lane
    from handler.rate_limiter import SplitRateLimiter
    from handler.settings import Settings

    Handler = Callable[[dict[str, Any], Any], dict[str, list[dict[str, str]]]]

# Kept free before Lambda's own timeout, for the log, the metrics and the answer.
_TO_ANSWER_S = 0.5


def recogniser(settings: Settings, clients: Clients) -> Recogniser:
    """Return what asks Rekognition, within the rate limit of both functions together."""
    return Recogniser(
        clients.rekognition,
        request_of(settings),
        rate_limiter=rate_limiter(settings, clients.dynamodb),
    )


def rate_limiter(settings: Settings, dynamodb: Any) -> SplitRateLimiter | None:
    """Return the limiter of both functions together; None: no limit of ours."""
    if not settings.rekognition_tps:
        return None
    return limiter_of(
        dynamodb,
        settings.label_quota_table,
        tps=settings.rekognition_tps,
        environments=settings.max_concurrency + 2 * settings.bulk_concurrency + 2 * settings.convert_concurrency,
        waiting_environments=settings.bulk_concurrency,
        budget=settings.budget,
    )


def budget_switch(settings: Settings, clients: Clients) -> BudgetSwitch:
    """Return what switches off the mappings of what waits while the budget is spent."""
    record = BudgetRecord(
        clients.dynamodb, settings.label_quota_table, budget=settings.budget, stack=settings.stack
    )
    return BudgetSwitch(record, clients.make_lambda)


def build_handler(
    settings: Settings,
    clients: Clients,
    detector: Detector,
    lanes: tuple[Lane, ...],
    switch: BudgetSwitch | None = None,
) -> Handler:
    """Return a function's handler; `switch`: of the one of the two that the schedule invokes."""
    return serve(build_pipeline(settings, clients, detector), lanes, switch)


def build_pipeline(settings: Settings, clients: Clients, detector: Detector) -> Pipeline:
    """Return the function without its lanes."""
    storage = Storage(
        clients.dynamodb,
        settings.image_labels_table,
        settings.label_index_table,
        settings.content_claims_table,
    )
    objects = Objects(clients.s3)
    copies = Copies(settings, storage, objects)
    return Pipeline(
        storage,
        Labeller(settings, detector, objects, copies),
        copies,
        Messages(clients.sqs, settings.dead_letter_queue_url),
        concurrency=settings.rekognition_concurrency,
    )


def serve(pipeline: Pipeline, lanes: tuple[Lane, ...], switch: BudgetSwitch | None = None) -> Handler:
    """Return the handler of a pipeline: it answers with the records that must come back, and only those."""
    logger, metrics = Logger(), Metrics()

    @logger.inject_lambda_context
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
        deadline = Deadline(context.get_remaining_time_in_millis, reserve_s=_TO_ANSWER_S)
        failed: list[Message] = []
        try:
            if switch and event.get("action") == CHECK_BUDGET:
                report_budget(switch.check(event["mappings"], deadline), logger, metrics)
                return {"batchItemFailures": []}
            # A mapping brings messages of one queue only.
            for lane, records in by_lane(SQSEvent(event).records, lanes):
                report = pipeline.run([read_message(record) for record in records], lane, deadline)
                report_batch(report, logger, metrics)
                failed += report.failed
        finally:
            deadline.close()
        return {"batchItemFailures": [{"itemIdentifier": message.message_id} for message in failed]}

    return handler
