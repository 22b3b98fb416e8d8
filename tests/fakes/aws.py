"""The parts that all fakes share: errors as boto3 raises them, and parameters checked as botocore checks them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.exceptions import ClientError, ParamValidationError
from botocore.validate import ParamValidator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.model import ServiceModel

STATUS = {
    "AccessDeniedException": 400,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
    "403": 403,
    "404": 404,
}


class ConditionalCheckFailedError(ClientError):
    """Has a class of its own, as boto3's clients have one for each modelled error."""


class Exceptions:
    """The modelled errors that a client names, as far as anybody catches them by class."""

    ConditionalCheckFailedException = ConditionalCheckFailedError


def aws_error(code: str, message: str = "", *, status: int | None = None, **more: Any) -> ClientError:
    """An error as boto3 raises it."""
    response: Any = {
        "Error": {"Code": code, "Message": message or code},
        "ResponseMetadata": {"HTTPStatusCode": status or STATUS.get(code, 400)},
        **more,
    }
    kind = ConditionalCheckFailedError if code == "ConditionalCheckFailedException" else ClientError
    return kind(response, "Operation")


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


# What an answer says of the next page, and where the next request says it.
TOKENS = {
    "scan": {"LastEvaluatedKey": "ExclusiveStartKey"},
    "list_objects_v2": {"NextContinuationToken": "ContinuationToken"},
    "list_object_versions": {"NextKeyMarker": "KeyMarker", "NextVersionIdMarker": "VersionIdMarker"},
}


class Paginator:
    """boto3's: one request after another, each from where the answer before it ended."""

    def __init__(self, client: Any, operation: str) -> None:
        self._request = getattr(client, operation)
        self._tokens = TOKENS[operation]

    def paginate(self, **parameters: Any) -> Iterator[dict[str, Any]]:
        while True:
            answer = self._request(**parameters)
            yield answer
            more = {asked: answer[said] for said, asked in self._tokens.items() if said in answer}
            if not more:
                return
            parameters = parameters | more


class Client:
    """Base of the fakes: each call is checked, and passes the caller's hook first."""

    service: str
    exceptions = Exceptions
    # botocore's check of parameters takes longer than all else that a fake does: simulations leave most out.
    is_checked = True

    def __init__(self, hook: Callable[[str, dict[str, Any]], None] | None = None) -> None:
        self._hook = hook

    def get_paginator(self, operation: str) -> Paginator:
        return Paginator(self, operation)

    def _called(self, operation: str, parameters: dict[str, Any]) -> None:
        if self.is_checked:
            check(self.service, operation, parameters)
        if self._hook:
            self._hook(operation, parameters)
