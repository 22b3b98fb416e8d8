"""The Lambda function's entry: clients and settings once, at import, then one batch after another.

    SQS records -> what is known (BatchGetItem) -> DetectLabels, concurrently -> index rows (BatchWriteItem)
                -> documents, each on condition: the commit -> batchItemFailures for what must come back

Only this module reads the environment.
"""

# ruff: noqa: E402
from __future__ import annotations

import gc

# Imports and clients make much and drop little: without the collector, a cold start is a twelfth shorter.
gc.disable()

import os
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSEvent
from botocore.config import Config
from botocore.session import get_session

from handler import messages, objects, recognition, storage
from handler.deadline import Deadline
from handler.events import read_message
from handler.labelling import Labeller
from handler.pipeline import Pipeline
from handler.quota import Quota
from handler.settings import Settings
from handler.telemetry import tell

if TYPE_CHECKING:
    from types import ModuleType

    from aws_lambda_powertools.utilities.typing import LambdaContext

_TO_ANSWER_S = 0.5
"""Kept free before Lambda's own timeout, for the log, the metrics and the answer."""


settings = Settings.from_environment(os.environ)
logger = Logger()
metrics = Metrics()

# Not boto3's, with which comes s3transfer: a tenth of the cold start (`python -X importtime -c "import boto3"`).
_session = get_session()


def _client(name: str, service: ModuleType) -> Any:
    """One attempt a call, far shorter than botocore's 60 s: `handler.deadline` alone tries again."""
    config = Config(
        connect_timeout=service.CONNECT_TIMEOUT_S,
        read_timeout=service.READ_TIMEOUT_S,
        retries={"total_max_attempts": 1},
        max_pool_connections=settings.rekognition_concurrency,
        tcp_keepalive=True,
        # Takes time in every call, and every parameter is ours: the tests check them all.
        parameter_validation=False,
        # A twentieth of the CPU of a photo (py-spy): botocore puts its own together anew, twice for each call.
        user_agent="photo-labels",
    )
    return _session.create_client(name, config=config)


_dynamodb = _client("dynamodb", storage)
_quota = (
    Quota(
        _dynamodb,
        settings.label_quota_table,
        tps=settings.rekognition_tps,
        environments=settings.max_concurrency,
    )
    if settings.rekognition_tps
    else None
)

pipeline = Pipeline(
    storage.Storage(_dynamodb, settings.image_labels_table, settings.label_index_table),
    Labeller(
        settings,
        recognition.Recogniser(
            _client("rekognition", recognition),
            min_confidence=settings.min_confidence,
            max_labels=settings.max_labels,
            quota=_quota,
        ),
        objects.Objects(_client("s3", objects)),
    ),
    messages.Messages(
        _client("sqs", messages),
        settings.queue_url,
        settings.dead_letter_queue_url,
    ),
    concurrency=settings.rekognition_concurrency,
)
gc.enable()


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Label the photos of one SQS batch; answers with the records that must come back, and only those."""
    deadline = Deadline(context.get_remaining_time_in_millis, reserve_s=_TO_ANSWER_S)
    try:
        report = pipeline.run([read_message(record) for record in SQSEvent(event).records], deadline)
    finally:
        deadline.close()
    tell(report, logger, metrics)
    return {"batchItemFailures": [{"itemIdentifier": message.message_id} for message in report.failed]}
