"""Powertools' asynchronous batch processor with aioboto3: the photos of a batch side by side.

Session and clients stay open from one invocation to the next, as aioboto3's documentation has it for servers: in
an AsyncExitStack, and in the event loop that Powertools finds again on Lambda (it looks for LAMBDA_TASK_ROOT).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import aioboto3  # type: ignore[import-not-found]
from aiobotocore.config import AioConfig  # type: ignore[import-not-found]
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    AsyncBatchProcessor,
    EventType,
    async_process_partial_response,
)

from loadtest.benchmarks.baselines.items import IMAGE_LABELS, LABEL_INDEX, WITH_ROWS, photos_in

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

processor = AsyncBatchProcessor(event_type=EventType.SQS)
logger = Logger()

_open = AsyncExitStack()


async def _clients() -> tuple[Any, Any, Any]:
    config = AioConfig(
        max_pool_connections=100,  # ten photos with eight rows each at the same time
        # As botocore, which keeps connections open: the time in which other baselines run is no idle time.
        connector_args={"keepalive_timeout": 3600},
    )
    session = aioboto3.Session()
    rekognition = await _open.enter_async_context(session.client("rekognition", config=config))
    dynamodb = await _open.enter_async_context(session.resource("dynamodb", config=config))
    return rekognition, await dynamodb.Table(IMAGE_LABELS), await dynamodb.Table(LABEL_INDEX)


_loop = asyncio.new_event_loop()
asyncio.set_event_loop(_loop)
rekognition, labels_table, index_table = _loop.run_until_complete(_clients())


async def record_handler(record: SQSRecord) -> None:
    for photo in photos_in(record.body):
        document = photo.document(await rekognition.detect_labels(**photo.request))
        if WITH_ROWS:
            await asyncio.gather(*(index_table.put_item(Item=row.to_item()) for row in document.rows()))
        await labels_table.put_item(Item=document.to_item())
        logger.info("labelled", extra={"image": document.image_id})


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Label the photos of one SQS batch."""
    return async_process_partial_response(
        event=event, record_handler=record_handler, processor=processor, context=context
    )
