"""The account's quotas of Rekognition and Lambda: read, never assumed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient
    from types_boto3_service_quotas import ServiceQuotasClient

_OF_DETECT_LABELS = re.compile(r"\bDetectLabels\b")


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
    """Return the executions that functions like ours may have at a time here; None: Lambda does not tell.

    New accounts have 10 (docs of Lambda, "Understanding Lambda function scaling"). What is reserved for one
    function is not to be had by others.
    """
    try:
        limit = client.get_account_settings()["AccountLimit"]
    except ClientError:  # who deploys may not ask; then nothing is known
        return None
    return min(limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"])
