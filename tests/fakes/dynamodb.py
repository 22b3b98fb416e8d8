"""DynamoDB as the developer guide has it, for the calls that the function makes."""

from __future__ import annotations

import re
import threading
import zlib
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer
from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

from tests.fakes.aws import Client, aws_error

if TYPE_CHECKING:
    from collections.abc import Callable

Item = dict[str, Any]

KEYS = {
    "ImageLabels": ("ImageID",),
    "LabelIndex": ("Label", "Rank"),
    "LabelQuota": ("Operation",),
    "ContentClaims": ("Content",),
}
_RESERVED = frozenset(ReservedKeywords.get_reserved_keywords())
_MAX_KEY_BYTES = (2048, 1024)
_INSERT = re.compile(r'INSERT INTO "(?P<table>[\w.-]+)" VALUE \{(?P<places>[^}]*)\}')
_TERM = re.compile(
    r"attribute_(?P<presence>not_exists|exists)\((?P<attribute>\w+)\)"
    r"|(?P<name>\w+) (?:(?P<operator><=|<|=) (?P<value>:\w+)|BETWEEN (?P<low>:\w+) AND (?P<high>:\w+))"
)
_ASSIGNMENT = re.compile(r"(?P<name>\w+) = (?:(?P<same>\w+) \+ )?(?P<value>:\w+)")


class Tables:
    """The items of all tables, as attribute values, shared by all callers."""

    def __init__(self) -> None:
        self.items: dict[str, dict[tuple[str, ...], Item]] = {name: {} for name in KEYS}
        self.lock = threading.RLock()

    def plain(self, table: str) -> list[dict[str, Any]]:
        """All items of a table as Python values."""
        deserialize = TypeDeserializer().deserialize
        return [{name: deserialize(value) for name, value in item.items()} for item in self.items[table].values()]


class DynamoDB(Client):
    """One caller's DynamoDB; `unprocessed` chooses how many entries of a batch call stay unprocessed."""

    service = "dynamodb"

    def __init__(
        self,
        tables: Tables,
        hook: Callable[[str, dict[str, Any]], None] | None = None,
        unprocessed: Callable[[int], int] = lambda _entries: 0,
        page: int = 100,
    ) -> None:
        """`page`: items of one page of a scan."""
        super().__init__(hook)
        self._tables = tables
        self._unprocessed = unprocessed
        self._page = page

    def batch_get_item(self, **parameters: Any) -> dict[str, Any]:
        self._called("BatchGetItem", parameters)
        requests = parameters["RequestItems"]
        if not requests:
            raise _invalid("RequestItems must have length greater than or equal to 1")
        if sum(len(request["Keys"]) for request in requests.values()) > 100:
            raise _invalid("Too many items requested for the BatchGetItem call")
        responses, unprocessed = {}, {}
        for table, request in requests.items():
            keys = [_key(table, key, exact=True) for key in request["Keys"]]
            if len(set(keys)) < len(keys):
                raise _invalid("Provided list of item keys contains duplicates")
            assert request.get("ConsistentRead") or table == "ContentClaims", "an old document proves nothing"
            left = self._unprocessed(len(keys))
            with self._tables.lock:
                items = self._tables.items[table]
                responses[table] = [items[key] for key in keys[left:] if key in items]
            if left:
                unprocessed[table] = request | {"Keys": request["Keys"][:left]}
        return {"Responses": responses, "UnprocessedKeys": unprocessed}

    def batch_write_item(self, **parameters: Any) -> dict[str, Any]:
        self._called("BatchWriteItem", parameters)
        [(table, requests)] = parameters["RequestItems"].items()
        if len(requests) > 25:
            raise _invalid("Too many items requested for the BatchWriteItem call")
        writes = [_write_of(table, request) for request in requests]
        if len({key for key, _ in writes}) < len(writes):
            raise _invalid("Provided list of item keys contains duplicates")
        left = self._unprocessed(len(writes))
        with self._tables.lock:
            for key, item in writes[left:]:
                if item is None:
                    self._tables.items[table].pop(key, None)
                else:
                    self._tables.items[table][key] = item
        return {"UnprocessedItems": {table: requests[:left]} if left else {}}

    def put_item(self, **parameters: Any) -> dict[str, Any]:
        self._called("PutItem", parameters)
        table, item = parameters["TableName"], parameters["Item"]
        key = _key(table, item)
        _check_size(item)
        with self._tables.lock:
            present = self._tables.items[table].get(key)
            _require(present, parameters)
            self._tables.items[table][key] = item
        old = present if parameters.get("ReturnValues") == "ALL_OLD" else None
        return {"Attributes": old} if old else {}

    def get_item(self, **parameters: Any) -> dict[str, Any]:
        self._called("GetItem", parameters)
        assert parameters.get("ConsistentRead"), "an eventually consistent read proves nothing"
        with self._tables.lock:
            table = self._tables.items[parameters["TableName"]]
            item = table.get(_key(parameters["TableName"], parameters["Key"], exact=True))
        return {"Item": item} if item else {}

    def batch_execute_statement(self, **parameters: Any) -> dict[str, Any]:
        """PartiQL's INSERT, each statement with an end of its own."""
        self._called("BatchExecuteStatement", parameters)
        if not 0 < len(parameters["Statements"]) <= 25:
            raise _invalid("Member must have length less than or equal to 25")
        return {"Responses": [self._insert(statement) for statement in parameters["Statements"]]}

    def _insert(self, statement: dict[str, Any]) -> dict[str, Any]:
        match = _INSERT.fullmatch(statement["Statement"])
        assert match, "only INSERT is known here"
        names = re.findall(r"'(\w+)': \?", match["places"])
        item = dict(zip(names, statement["Parameters"], strict=True))
        key = _key(match["table"], item)
        _check_size(item)
        if self._unprocessed(1):
            return {"Error": {"Code": "ThrottlingError", "Message": "Throttled"}}
        with self._tables.lock:
            if key in self._tables.items[match["table"]]:
                return {"Error": {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"}}
            self._tables.items[match["table"]][key] = item
        return {"TableName": match["table"]}

    def update_item(self, **parameters: Any) -> dict[str, Any]:
        """SET, with values and sums; an item that is not there begins with its key alone."""
        self._called("UpdateItem", parameters)
        table, key = parameters["TableName"], _key(parameters["TableName"], parameters["Key"], exact=True)
        assert parameters["ReturnValues"] == "ALL_NEW"
        values = parameters["ExpressionAttributeValues"]
        assignments = parameters["UpdateExpression"].removeprefix("SET ").split(", ")
        with self._tables.lock:
            present = self._tables.items[table].get(key)
            _require(present, parameters, " ".join(assignments))
            item = dict(present or parameters["Key"])
            for assignment in assignments:
                match = _ASSIGNMENT.fullmatch(assignment)
                assert match, f"{assignment} is not known here"
                item[match["name"]] = values[match["value"]]
                if match["same"]:
                    if not present or match["same"] not in present:
                        raise _invalid("The provided expression refers to an attribute that does not exist")
                    total = Decimal(present[match["same"]]["N"]) + Decimal(values[match["value"]]["N"])
                    item[match["name"]] = {"N": f"{total:f}"}
            self._tables.items[table][key] = item
        return {"Attributes": item}

    def scan(self, **parameters: Any) -> dict[str, Any]:
        """One page, in an order that does not change; a filter leaves items out of it, but does not fill it up."""
        self._called("Scan", parameters)
        table = parameters["TableName"]
        assert parameters.get("ConsistentRead"), "an eventually consistent read proves nothing"
        with self._tables.lock:
            items = self._tables.items[table]
            keys = [key for key in sorted(items) if _is_in_segment(key, parameters)]
            if "ExclusiveStartKey" in parameters:
                start = _key(table, parameters["ExclusiveStartKey"], exact=True)
                keys = [key for key in keys if key > start]
            some = [items[key] for key in keys[: self._page]]
        answer: dict[str, Any] = {"Items": [item for item in some if _passes(item, parameters)]}
        if len(keys) > self._page:
            answer["LastEvaluatedKey"] = {name: some[-1][name] for name in KEYS[table]}
        return answer

    def delete_item(self, **parameters: Any) -> dict[str, Any]:
        self._called("DeleteItem", parameters)
        table, key = parameters["TableName"], _key(parameters["TableName"], parameters["Key"], exact=True)
        with self._tables.lock:
            _require(self._tables.items[table].get(key), parameters)
            self._tables.items[table].pop(key, None)
        return {}


def _is_in_segment(key: tuple[str, ...], parameters: dict[str, Any]) -> bool:
    """All items of one partition key are in one segment."""
    if ("Segment" in parameters) is not ("TotalSegments" in parameters):
        raise _invalid("The TotalSegments and Segment parameters go together")
    total = parameters.get("TotalSegments", 1)
    if not 0 <= parameters.get("Segment", 0) < total:
        raise _invalid("The Segment parameter is zero-based and must be less than parameter TotalSegments")
    return bool(zlib.crc32(key[0].encode()) % total == parameters.get("Segment", 0))


def _invalid(message: str) -> Exception:
    return aws_error("ValidationException", message)


def _key(table: str, item: Item, *, exact: bool = False) -> tuple[str, ...]:
    names = KEYS[table]
    if exact and set(item) != set(names):
        raise _invalid("The provided key element does not match the schema")
    key = tuple(item.get(name, {}).get("S", "") for name in names)
    for value, longest in zip(key, _MAX_KEY_BYTES, strict=False):
        if not 0 < len(value.encode()) <= longest:
            raise _invalid("One or more parameter values were invalid: key size")
    return key


def _write_of(table: str, request: dict[str, Any]) -> tuple[tuple[str, ...], Item | None]:
    if "DeleteRequest" in request:
        return _key(table, request["DeleteRequest"]["Key"], exact=True), None
    item = request["PutRequest"]["Item"]
    _check_size(item)
    return _key(table, item), item


def _check_size(item: Item) -> None:
    if size_of(item) > 400 * 1024:
        raise _invalid("Item size has exceeded the maximum allowed size")


def size_of(item: Item) -> int:
    """Bytes of an item as the developer guide counts them."""
    return sum(len(name.encode()) + _bytes(value) for name, value in item.items())


def _bytes(attribute: dict[str, Any]) -> int:
    [(kind, value)] = attribute.items()
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _bytes(inner) for name, inner in value.items())
    if kind == "L":
        return 3 + sum(1 + _bytes(inner) for inner in value)
    if kind == "N":
        return len(value.strip("-0.")) // 2 + 2
    return len(str(value).encode())


def _check_names(expression: str) -> None:
    """Refuse what DynamoDB refuses: attributes whose names are words of its own."""
    for word in re.findall(r"(?<![:#\w])\w+", expression):
        if word.upper() in _RESERVED and word not in {"AND", "OR", "BETWEEN"}:
            raise _invalid(f"Attribute name is a reserved keyword; reserved keyword: {word}")


def _require(present: Item | None, parameters: dict[str, Any], update: str = "") -> None:
    """Evaluate ConditionExpression: the terms that the function uses, joined by OR or by AND."""
    expression = parameters.get("ConditionExpression")
    if expression is None:
        return
    _check_names(expression)
    values = parameters.get("ExpressionAttributeValues")
    used = set(re.findall(r":\w+", f"{expression} {update}"))
    if values is not None and (not values or used != set(values)):
        raise _invalid("ExpressionAttributeValues must not be empty, and each must be used")
    parts = [
        [_holds(term, present, values or {}) for term in re.split(r" AND (?!:)", part)]
        for part in expression.split(" OR ")
    ]
    if any(all(part) for part in parts):
        return
    old = parameters.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and present
    more: dict[str, Any] = {"Item": present} if old else {}
    raise aws_error("ConditionalCheckFailedException", "The conditional request failed", **more)


def _passes(item: Item, parameters: dict[str, Any]) -> bool:
    """Evaluate FilterExpression: the two that the tools use."""
    values = parameters.get("ExpressionAttributeValues", {})
    match parameters.get("FilterExpression"):
        case None:
            return True
        case "begins_with(ImageID, :prefix)":
            return item["ImageID"]["S"].startswith(values[":prefix"]["S"])  # type: ignore[no-any-return]
        case "#status = :rejected":
            name = parameters["ExpressionAttributeNames"]["#status"]
            return item.get(name) == values[":rejected"]  # type: ignore[no-any-return]
    raise _invalid("Invalid FilterExpression")


def _holds(term: str, present: Item | None, values: dict[str, Any]) -> bool:
    match = _TERM.fullmatch(term)
    if not match:
        raise _invalid(f"Invalid ConditionExpression: {term}")
    if match["presence"]:
        is_there = present is not None and match["attribute"] in present
        return is_there is (match["presence"] == "exists")
    if present is None or match["name"] not in present:
        return False
    here = present[match["name"]]
    bounds = [values[name] for name in match.group("value", "low", "high") if name]
    if any(set(bound) != set(here) for bound in bounds):
        return False
    left, *others = (_comparable(value) for value in (here, *bounds))
    if match["low"]:
        return bool(others[0] <= left <= others[1])
    [right] = others
    return bool({"<": left < right, "<=": left <= right, "=": left == right}[match["operator"]])


def _comparable(attribute: dict[str, Any]) -> Any:
    [(kind, value)] = attribute.items()
    return Decimal(value) if kind == "N" else value


def index_of(tables: Tables) -> dict[str, list[Item]]:
    """The rows of LabelIndex by ImageID."""
    rows = defaultdict(list)
    for row in tables.plain("LabelIndex"):
        rows[row["ImageID"]].append(row)
    return rows
