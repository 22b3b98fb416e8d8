"""What both functions are built of: clients of AWS, and the handler that answers one batch after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSEvent
from botocore.config import Config
from botocore.session import get_session

from handler import messages, objects, recognition, storage
from handler.deadline import Deadline
from handler.events import read_message
from handler.quota import Quota
from handler.telemetry import tell

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from handler.pipeline import Pipeline
    from handler.settings import Settings

_TO_ANSWER_S = 0.5
"""Kept free before Lambda's own timeout, for the log, the metrics and the answer."""


class Clients:
    """One client for each service, shared by all threads."""

    def __init__(self, settings: Settings) -> None:
        # Not boto3's, with which comes s3transfer: a tenth of the cold start
        # (`python -X importtime -c "import boto3"`).
        self._session = get_session()
        self._connections = settings.rekognition_concurrency
        self.dynamodb = self._client("dynamodb", storage)
        self.rekognition = self._client("rekognition", recognition)
        self.s3 = self._client("s3", objects)
        self.sqs = self._client("sqs", messages)

    def _client(self, name: str, service: ModuleType) -> Any:
        """One attempt a call, far shorter than botocore's 60 s: `handler.deadline` alone tries again."""
        config = Config(
            connect_timeout=service.CONNECT_TIMEOUT_S,
            read_timeout=service.READ_TIMEOUT_S,
            retries={"total_max_attempts": 1},
            max_pool_connections=self._connections,
            tcp_keepalive=True,
            # Takes time in every call, and every parameter is ours: the tests check them all.
            parameter_validation=False,
            # A twentieth of the CPU of a photo (py-spy): botocore puts its own together anew, twice for each call.
            user_agent="photo-labels",
        )
        return self._session.create_client(name, config=config)


def quota_of(settings: Settings, dynamodb: Any) -> Quota | None:
    """Return the turns of both functions together; None: no limit of ours."""
    if not settings.rekognition_tps:
        return None
    return Quota(
        dynamodb,
        settings.label_quota_table,
        tps=settings.rekognition_tps,
        environments=settings.max_concurrency + settings.convert_concurrency,
    )


def served(pipeline: Pipeline) -> Callable[[dict[str, Any], Any], dict[str, list[dict[str, str]]]]:
    """Make the function's handler, which answers with the records that must come back, and only those."""
    logger, metrics = Logger(), Metrics()

    @logger.inject_lambda_context
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
        deadline = Deadline(context.get_remaining_time_in_millis, reserve_s=_TO_ANSWER_S)
        try:
            report = pipeline.run([read_message(record) for record in SQSEvent(event).records], deadline)
        finally:
            deadline.close()
        tell(report, logger, metrics)
        return {"batchItemFailures": [{"itemIdentifier": message.message_id} for message in report.failed]}

    return handler
