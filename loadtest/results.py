"""The figures of a run, as `results.json` has them; docs/loadtest.md describes each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from loadtest.prices import DATE, REGION, bill
from loadtest.samples import STAGES, End

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.accounting import Work
    from loadtest.run import Run
    from loadtest.samples import Floats, Samples
    from loadtest.slo import Objective
    from photo_labels.records.documents import Document

VERSION = 1
QUANTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p99_9": 99.9, "max": 100.0}
# A photo that was sent so much later than intended was not sent in time.
LATE_S = 0.05
# The generator is what limits when more than this share of photos was not sent in time.
_BOTTLENECK = 0.01
# A row of LabelIndex is far below 1 KB.
_ROW_UNITS = 1
_CLAIM_READ_UNITS = 0.5
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Setting:
    """What was asked for, and where it ran."""

    # The first line of every report.
    simulated: str
    target: str
    number: int
    rate: float
    profile: str
    photos: str
    seed: int
    # The share of the photos that were copies of earlier ones.
    duplicates: float
    # Execution environments at most; None: not known.
    concurrency: int | None


def results(
    setting: Setting,
    run: Run,
    work: Work,
    objectives: Sequence[Objective],
    documents: Sequence[Document],
    *,
    rows: tuple[int, int],
    warmup: dict[str, Any],
    clock_ahead_s: float,
    counted_calls: int | None,
) -> dict[str, Any]:
    """Compute all figures.

    `documents`: some of the run's, for sizes; `rows`: how many those have to have, and how many are missing;
    `counted_calls`: by Rekognition itself, where it tells.
    """
    samples = run.samples
    accounted = _accounted(samples)
    calls = int(samples.calls.sum()) if counted_calls is None else counted_calls
    # Rekognition does not bill what it refuses; both counts have it.
    claims = _of_claims(samples)
    quantities = _quantities(samples, work, documents, calls - work.throttles)
    cost = bill({name: quantities.get(name, 0.0) + claims.get(name, 0.0) for name in quantities | claims})
    sent = accounted["sent"]
    return {
        "version": VERSION,
        "simulated": setting.simulated,
        "setting": asdict(setting),
        "interrupted": run.interrupted,
        "started_at": run.started_at,
        "duration_s": _last(samples),
        "unknown": run.unknown,
        "latency_ms": quantiles(samples.latency_s * 1000),
        "accounted": accounted,
        "index_rows": {"of_photos": len(documents), "checked": rows[0], "missing": rows[1]},
        "not_sent_because": run.refusals,
        "copies": {
            "sent": sum(End(samples.end[copy]) is not End.NOT_SENT for copy in run.plan.copies),
            "taken_over": int(samples.copied.sum()),
        },
        "rekognition_calls": calls,
        "calls_per_photo": calls / sent if sent else None,
        "throughput_per_s": photos_a_second(samples),
        "stages_ms": {
            name: quantiles((samples.column(name) - samples.intended)[samples.is_seen] * 1000) for name in STAGES
        },
        "steps_ms": {name: quantiles(values * 1000) for name, values in steps(samples).items()},
        "reader_resolution_ms": quantiles((samples.seen - samples.last_miss) * 1000),
        "generator": _generator(run),
        "function": {
            "invocations": work.invocations,
            "batch_sizes": {str(size): count for size, count in sorted(work.batch_sizes.items())},
            "cold_starts": len(work.cold_starts_ms),
            "cold_starts_ms": quantiles(np.array(work.cold_starts_ms)),
            "billed_ms": work.billed_ms,
            "memory_mb": work.memory_mb,
            "gb_seconds": work.gb_seconds,
            "peak_mb": work.peak_mb,
            "throttles": work.throttles,
            "received_again": int(np.count_nonzero(samples.receives > 1)),
        },
        "clock_ahead_ms": clock_ahead_s * 1000,
        "warmup": warmup,
        "cost_usd": {
            "prices_of": f"{REGION}, {DATE}",
            "lines": [
                {"item": one.price.item, "quantity": one.quantity, "unit": one.price.unit, "usd": one.usd}
                for one in cost
            ],
            "total": sum(one.usd for one in cost),
            "per_million_photos": sum(one.usd for one in cost) / sent * _MILLION if sent else None,
            # Part of the total: what it costs to know copies.
            "claims_per_million_photos": sum(one.usd for one in bill(claims)) / sent * _MILLION if sent else None,
        },
        "slo": [one.judged(quantiles(_judged_ms(samples)), accounted["missing"]) for one in objectives],
    }


def quantiles(values: Floats) -> dict[str, float | None]:
    """Return quantiles of what is known; each is a measured value, or none where nothing was measured."""
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        return dict.fromkeys(QUANTILES)
    cuts = np.percentile(np.arange(len(known)), list(QUANTILES.values()), method="higher")
    return {name: float(known[int(cut)]) for name, cut in zip(QUANTILES, cuts, strict=True)}


def _judged_ms(samples: Samples) -> Floats:
    """Latencies as objectives count them: that of a photo which was refused, dead-lettered or lost is endless."""
    refused = (samples.end == End.NOT_SENT) & ~np.isnan(samples.began)
    failed = refused | (samples.end == End.DEAD_LETTERED) | (samples.end == End.MISSING)
    return np.concatenate((samples.latency_s * 1000, np.full(np.count_nonzero(failed), np.inf)))


def steps(samples: Samples) -> dict[str, Floats]:
    """How long each photo took from one stage to the next, in seconds; together its latency.

    S3's event is left out: it falls between a PUT's beginning and its end.
    """
    return {
        "waits to be sent": samples.began - samples.intended,
        "PUT": samples.returned - samples.began,
        "queue": samples.received - samples.returned,
        "recognition": samples.recognised - samples.received,
        "commit": samples.committed - samples.recognised,
        "reader": samples.seen - samples.committed,
    }


def _accounted(samples: Samples) -> dict[str, int]:
    return {
        "intended": len(samples),
        "sent": len(samples) - samples.counted(End.NOT_SENT),
        "labelled": samples.counted(End.LABELLED),
        "rejected": samples.counted(End.REJECTED),
        "dead_lettered": samples.counted(End.DEAD_LETTERED),
        "missing": samples.counted(End.MISSING),
        "under_way": samples.counted(End.UNDER_WAY),
        "duplicates": int(samples.duplicates.sum()),
    }


def _last(samples: Samples) -> float:
    return float(np.nanmax(np.concatenate((samples.seen, samples.returned)), initial=0.0))


def photos_a_second(samples: Samples) -> float | None:
    """Photos that ended, over the time from the first intended to the last seen."""
    seen = samples.seen[samples.is_seen]
    return float(len(seen) / (seen.max() - samples.intended[0])) if len(seen) else None


def _generator(run: Run) -> dict[str, Any]:
    samples, cpu = run.samples, run.gauge.own_cpu
    lag_s = samples.began - samples.intended
    # Of photos that are intended for one moment only the first can be in time.
    first = np.diff(samples.intended, prepend=-np.inf) > 0
    late = int(np.count_nonzero(lag_s[first] > LATE_S))
    sent = samples.returned[~np.isnan(samples.returned)]
    return {
        "senders": run.plan.senders,
        "lag_ms": quantiles(lag_s * 1000),
        "late": late,
        "sending_took_s": float(sent.max()) if len(sent) else None,
        "resent": run.resent,
        "cpu_share": {"mean": float(np.mean(cpu)) if cpu else None, "max": max(cpu, default=None)},
        "was_bottleneck": late > _BOTTLENECK * int(np.count_nonzero(first)),
    }


def _quantities(samples: Samples, work: Work, documents: Sequence[Document], calls: int) -> dict[str, float]:
    """What AWS would bill. Units of DynamoDB are those of the documents that were read, times the photos."""
    photos = samples.counted(End.LABELLED) + samples.counted(End.REJECTED)
    sent = len(samples) - samples.counted(End.NOT_SENT)
    each = [_ROW_UNITS * sum(1 for _ in one.rows()) + _kilobytes(one) for one in documents]
    return {
        "rekognition_calls": calls,
        "gb_seconds": work.gb_seconds,
        "invocations": work.invocations,
        # Besides what is stored, the limiter: about one booking for each call, while there are few.
        "write_units": (photos * float(np.mean(each)) if each else 0.0) + calls,
        # A consistent read of a document that is not there is one unit.
        "read_units": photos,
        # Sent by S3, received and deleted by Lambda, in batches.
        "queue_requests": sent + 2 * work.invocations,
        "puts": sent,
        # The first bytes, for time and camera; copies have them from their originals.
        "gets": photos * float(np.mean([_is_read(one) for one in documents])) if documents else 0.0,
        "log_gb": work.log_bytes / 1e9,
    }


def _of_claims(samples: Samples) -> dict[str, float]:
    """What AWS would bill for knowing copies: claims are read and put once more where a photo was passed on."""
    photos = samples.counted(End.LABELLED) + samples.counted(End.REJECTED)
    copied, passed_on = int(samples.copied.sum()), int(samples.forwards.sum())
    return {
        # Of a claim half a unit, as it may be old; of the document whose labels are taken over a whole one.
        "read_units": _CLAIM_READ_UNITS * (photos + passed_on) + copied,
        "write_units": photos - copied + passed_on,
        # Where objects have no versions.
        "heads": copied,
    }


def _is_read(document: Document) -> bool:
    return document.metadata_read is not None and document.copy_of is None


def _kilobytes(document: Document) -> int:
    """Write request units of a document: its size, about that of its JSON, in KB, rounded up."""
    return -(-len(str(document.to_item())) // 1024)
