"""The account's DetectLabels quota: read, never assumed."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient
    from types_boto3_service_quotas import ServiceQuotasClient

_OF_DETECT_LABELS = re.compile(r"\bDetectLabels\b")
# Calls a second that one execution environment makes with ease: a batch of 10 within two seconds.
_CALLS_OF_ONE_ENVIRONMENT = 5
_MAX_ENVIRONMENTS = 1000
_LIVE_ENVIRONMENTS = 5
# Lambda's own, of MaximumConcurrency.
_LEAST = 2


def detect_labels_tps(client: ServiceQuotasClient) -> float | None:
    """Return the calls a second that the account may make in this region; None: Service Quotas does not tell.

    ListServiceQuotas leaves out quotas that have never been changed: those are among AWS's defaults.
    """
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        pages = client.get_paginator(operation).paginate(ServiceCode="rekognition")
        found = [
            quota["Value"]
            for page in pages
            for quota in page["Quotas"]
            if _OF_DETECT_LABELS.search(quota["QuotaName"])
        ]
        if found:
            return float(min(found))
    return None


def concurrent_executions(client: LambdaClient) -> int | None:
    """Return the executions that the account's functions may have at a time; None: Lambda does not tell.

    New accounts have 10 (docs of Lambda, "Understanding Lambda function scaling").
    """
    try:
        return client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    except ClientError:  # who deploys may not ask; then nothing is known
        return None


def live_environments_for(tps: float) -> int:
    """Return MaxConcurrency: what live photos need follows what arrives, imports' events among it, not the quota.

    With 2, a photo waits half a minute beside 100 imported ones a second; with 5, none does (`make bench-live`).
    """
    return max(_LIVE_ENVIRONMENTS, bulk_environments_for(tps))


def bulk_environments_for(tps: float) -> int:
    """Return BulkConcurrency: enough to use up the quota, and no more, since messages in flight wait for it."""
    return min(_MAX_ENVIRONMENTS, max(_LEAST, math.ceil(tps / _CALLS_OF_ONE_ENVIRONMENT)))


def converting_environments_for(tps: float, executions: int | None = None) -> int:
    """Return ConvertConcurrency: each environment makes about one call a second, for one photo at a time.

    `executions`: of the account; its two lanes take no more than what the other lanes leave of them.
    """
    wanted = min(_MAX_ENVIRONMENTS, max(_LEAST, math.ceil(tps)))
    if executions is None:
        return wanted
    left = executions - live_environments_for(tps) - 2 * bulk_environments_for(tps)
    return max(_LEAST, min(wanted, left // 2))
