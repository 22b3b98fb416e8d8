"""What a run costs on AWS: quantities that were measured, times list prices."""

from __future__ import annotations

from dataclasses import dataclass

DATE = "November 2026"
REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Price:
    """A list price in USD, without the free tier."""

    item: str
    unit: str
    # For one unit.
    usd: float


# First tier, on demand. Storage is not in it, nor what costs while nothing happens.
PRICES = {
    "rekognition_calls": Price("Rekognition DetectLabels", "image", 0.001),
    "gb_seconds": Price("Lambda", "GB-second", 0.0000166667),
    "invocations": Price("Lambda requests", "request", 0.20 / 1e6),
    "write_units": Price("DynamoDB writes", "write request unit", 0.625 / 1e6),
    "read_units": Price("DynamoDB reads", "read request unit", 0.125 / 1e6),
    "queue_requests": Price("SQS", "request", 0.40 / 1e6),
    "puts": Price("S3 PUT", "request", 0.005 / 1e3),
    "gets": Price("S3 GET", "request", 0.0004 / 1e3),
    "heads": Price("S3 HEAD", "request", 0.0004 / 1e3),
    "log_gb": Price("CloudWatch Logs", "GB", 0.50),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """One line of a bill."""

    price: Price
    quantity: float
    usd: float


def bill(quantities: dict[str, float]) -> list[Cost]:
    """Return one line for each price; a quantity that is not there is none."""
    return [
        Cost(price, quantities.get(name, 0.0), quantities.get(name, 0.0) * price.usd)
        for name, price in PRICES.items()
    ]
