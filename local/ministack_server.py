"""Runs ministack, in its own virtual environment, with what its CloudFormation does not take of our template.

`AWS::CloudWatch::Alarm` has `Metrics` (metric math) on AWS. ministack refuses a template with them; here it keeps
such an alarm as it is described, and tells it as PutMetricAlarm would have stored it. It evaluates none of them:
`loadtest.alarm_states` does.
"""

from __future__ import annotations

import runpy
from typing import Any

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


if __name__ == "__main__":
    provisioners._cw_metric_alarm_record = _record_with_metrics  # noqa: SLF001
    runpy.run_module("ministack", run_name="__main__", alter_sys=True)
