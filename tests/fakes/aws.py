"""The parts that all fakes share: errors as boto3 raises them, and parameters checked as botocore checks them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.exceptions import ClientError, ParamValidationError
from botocore.validate import ParamValidator

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.model import ServiceModel

STATUS = {
    "AccessDeniedException": 400,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
    "403": 403,
    "404": 404,
}


def aws_error(code: str, message: str = "", *, status: int | None = None, **more: Any) -> ClientError:
    """An error as boto3 raises it."""
    response: Any = {
        "Error": {"Code": code, "Message": message or code},
        "ResponseMetadata": {"HTTPStatusCode": status or STATUS.get(code, 400)},
        **more,
    }
    return ClientError(response, "Operation")


@cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


@cache
def _input_shape(service: str, operation: str) -> Any:
    return _model(service).operation_model(operation).input_shape


def check(service: str, operation: str, parameters: dict[str, Any]) -> None:
    """Raise ParamValidationError where botocore would, before anything is sent."""
    report = ParamValidator().validate(parameters, _input_shape(service, operation))
    if report.has_errors():
        raise ParamValidationError(report=report.generate_report())


class Client:
    """Base of the fakes: each call is checked, and passes the caller's hook first."""

    service: str

    def __init__(self, hook: Callable[[str, dict[str, Any]], None] | None = None) -> None:
        self._hook = hook or (lambda _operation, _parameters: None)

    def _called(self, operation: str, parameters: dict[str, Any]) -> None:
        check(self.service, operation, parameters)
        self._hook(operation, parameters)
