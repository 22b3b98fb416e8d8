"""Runs ministack, in its own virtual environment, less what it gets wrong of our template and of photos' names.

`AWS::CloudWatch::Alarm` has `Metrics` (metric math) on AWS. ministack refuses a template with them; here it keeps
such an alarm as it is described, and tells it as PutMetricAlarm would have stored it. It evaluates none of them:
`loadtest.alarm_states` does.

In IAM's policies `*` stands for any characters. In ministack's it stands for any but a line feed, so that the role
that may read `bucket/*` may not read a photo whose name has one.
"""

from __future__ import annotations

import functools
import re
import runpy
from typing import Any

from ministack.core import iam_evaluator
from ministack.services.cloudformation import provisioners

_record = provisioners._cw_metric_alarm_record  # noqa: SLF001 - there is no other place
_OF_ONE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")


def _record_with_metrics(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    metrics = properties.get("Metrics")
    if not metrics:
        return dict(_record(name, properties))
    alone = {key: value for key, value in properties.items() if key != "Metrics"}
    alarm = _record(name, alone | {"MetricName": "math", "Namespace": "math"})
    return {key: value for key, value in alarm.items() if key not in _OF_ONE_METRIC} | {"Metrics": metrics}


@functools.lru_cache(maxsize=4096)
def _wildcards(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    """Compile a pattern of a policy: an action, a resource, or the value of StringLike or ArnLike."""
    parts = {"*": ".*", "?": "."}
    expression = "".join(parts.get(one) or re.escape(one) for one in pattern)
    return re.compile(rf"{expression}\Z", re.DOTALL | (re.IGNORECASE if ignore_case else 0))


if __name__ == "__main__":
    iam_evaluator._fnmatch_compile = _wildcards  # noqa: SLF001
    provisioners._cw_metric_alarm_record = _record_with_metrics  # noqa: SLF001
    runpy.run_module("ministack", run_name="__main__", alter_sys=True)
