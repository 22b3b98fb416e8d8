"""The labelling function's entry: clients and settings once, at import, then one batch after another.

    SQS records -> what is known (BatchGetItem) -> DetectLabels, concurrently -> index rows (BatchWriteItem)
                -> documents, each on condition: the commit -> batchItemFailures for what must come back

What Rekognition does not read as it is goes to the queue of the other function, `handler.convert`. A schedule asks
this one to look at the budget (`handler.budget_switch`).

Only these two modules read the environment; `handler.serving` builds the rest.
"""

# ruff: noqa: E402
from __future__ import annotations

import gc

# Imports and clients make much and drop little: without the collector, a cold start is a twelfth shorter.
gc.disable()

import os

from handler.clients import Clients
from handler.lanes import labelling_lanes
from handler.serving import budget_switch, build_handler, recogniser
from handler.settings import Settings

settings = Settings.from_environment(os.environ)
clients = Clients(settings)
handler = build_handler(
    settings,
    clients,
    recogniser(settings, clients),
    labelling_lanes(settings),
    budget_switch(settings, clients),
)
gc.enable()
