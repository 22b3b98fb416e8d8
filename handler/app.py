"""The labelling function's entry: clients and settings once, at import, then one batch after another.

    SQS records -> what is known (BatchGetItem) -> DetectLabels, concurrently -> index rows (BatchWriteItem)
                -> documents, each on condition: the commit -> batchItemFailures for what must come back

What Rekognition does not read as it is goes to the queue of the other function, `handler.convert`.

Only these two modules read the environment.
"""

# ruff: noqa: E402
from __future__ import annotations

import gc

# Imports and clients make much and drop little: without the collector, a cold start is a twelfth shorter.
gc.disable()

import os

from handler.labelling import Labeller
from handler.messages import Messages
from handler.objects import Objects
from handler.pipeline import Pipeline
from handler.recognition import Recogniser
from handler.serving import Clients, quota_of, served
from handler.settings import Settings
from handler.storage import Storage

settings = Settings.from_environment(os.environ)
clients = Clients(settings)
pipeline = Pipeline(
    Storage(clients.dynamodb, settings.image_labels_table, settings.label_index_table),
    Labeller(
        settings,
        Recogniser(
            clients.rekognition,
            min_confidence=settings.min_confidence,
            max_labels=settings.max_labels,
            quota=quota_of(settings, clients.dynamodb),
        ),
        Objects(clients.s3),
    ),
    Messages(clients.sqs, settings.queue_url, settings.dead_letter_queue_url, settings.convert_queue_url),
    concurrency=settings.rekognition_concurrency,
)
handler = served(pipeline)
gc.enable()
