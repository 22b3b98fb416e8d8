"""The local Rekognition as boto3 sees it, with a small S3 behind it."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import zlib
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from PIL import Image

from local.rekognition import create_app
from local.request import Call, Credentials, Refusal
from local.simulation import ERRORS, SimulationSettings
from photo_labels.library.http_server import create_server, listen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from types_boto3_rekognition import RekognitionClient

REPOSITORY = Path(__file__).resolve().parents[2]
CALLER = Credentials("AKIDCALLER", "secret", "token")
PHOTO = (REPOSITORY / "samples" / "cat.jpg").read_bytes()


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def bomb() -> bytes:
    """A PNG of a few hundred bytes that says it has 60,000 by 60,000 pixels."""
    png = encoded(Image.new("L", (80, 80)), "PNG")
    header = b"IHDR" + struct.pack(">II", 60_000, 60_000) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


OBJECTS = {
    "cat.jpg": PHOTO,
    "hostile key+ä%20.jpg": PHOTO,
    "versioned.jpg?v1": PHOTO,
    "empty.jpg": b"",
    "text.jpg": b"no photo at all",
    "photo.gif": encoded(Image.new("RGB", (100, 100)), "GIF"),
    "truncated.jpg": PHOTO[: len(PHOTO) // 2],
    "truncated.png": encoded(Image.radial_gradient("L"), "PNG")[:-200],
    "only-a-signature.jpg": PHOTO[:3],
    "heavy.jpg": PHOTO + bytes(15 * 2**20),
    "wide.png": encoded(Image.new("1", (10_001, 100)), "PNG"),
    "narrow.jpg": encoded(Image.new("RGB", (79, 200)), "JPEG"),
    "smallest.jpg": encoded(Image.new("RGB", (80, 80)), "JPEG"),
    "bomb.png": bomb(),
}
NOT_ALLOWED, OUT_OF_ORDER = "not-allowed.jpg", "out-of-order.jpg"


class S3(BaseHTTPRequestHandler):
    """GetObject for the one caller; remembers with whose key and token it was asked."""

    asked_by: list[tuple[str, str]]  # of the server's class

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        signer = self.headers["Authorization"].partition("Credential=")[2].partition("/")[0]
        self.asked_by.append((signer, self.headers["X-Amz-Security-Token"]))
        key = unquote(url.path).removeprefix("/bucket/")
        version = parse_qs(url.query).get("versionId")
        data = OBJECTS.get(f"{key}?{version[0]}" if version else key)
        if key in {NOT_ALLOWED, OUT_OF_ORDER}:
            self._answer(403 if key == NOT_ALLOWED else 501, b"<Error><Code>Refused</Code></Error>")
        elif data is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            self._answer(200, data)

    def _answer(self, status: int, data: bytes) -> None:
        with suppress(ConnectionError):  # nobody reads all of a photo that is too large
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", f'"{len(data)}"')
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Server:
    """A running Rekognition and a client of it."""

    def __init__(self, url: str, s3: type[S3]) -> None:
        self.url, self.s3 = url, s3
        self.client: RekognitionClient = client_of(url, CALLER)

    def detect(self, key: str, **options: Any) -> Any:
        return self.client.detect_labels(Image={"S3Object": {"Bucket": "bucket", "Name": key}}, **options)

    def admin(self, path: str, content: Any = None) -> Any:
        return admin(self.url, path, content)


def client_of(url: str, caller: Credentials) -> Any:
    config = Config(proxies={}, retries={"total_max_attempts": 1})
    return boto3.Session(*caller, region_name="eu-west-1").client("rekognition", endpoint_url=url, config=config)


def admin(url: str, path: str, content: Any = None) -> Any:
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(f"{url}/_rekognition/{path}", data, method="PUT" if data else "GET")
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return json.load(error)


@contextmanager
def running_s3() -> Iterator[tuple[str, type[S3]]]:
    handler = type("Handler", (S3,), {"asked_by": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


@contextmanager
def running(mode: str) -> Iterator[Server]:
    with running_s3() as (s3_endpoint, s3), listen(0) as listener:
        settings = SimulationSettings(p50_ms=0, p99_ms=0)
        uvicorn = create_server(create_app(s3_endpoint, mode=mode, settings=settings, callers=[CALLER]))
        thread = threading.Thread(target=uvicorn.run, args=([listener],))
        thread.start()
        server = Server(f"http://127.0.0.1:{listener.getsockname()[1]}", s3)
        yield server
        server.client.close()
        uvicorn.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running("vision") as server:
        yield server


@pytest.fixture(scope="module")
def simulated_server() -> Iterator[Server]:
    with running("simulated") as server:
        yield server


@pytest.fixture
def simulated(simulated_server: Server) -> Server:
    simulated_server.admin("settings", {"mode": "simulated", "errors": {}, "tps": 0, "read_object": False})
    simulated_server.s3.asked_by.clear()
    return simulated_server


def names(response: Any) -> set[str]:
    return {label["Name"] for label in response["Labels"]}


@pytest.mark.parametrize("key", ["cat.jpg", "hostile key+ä%20.jpg"])
def test_given_a_photo_in_s3_when_labelled_then_a_cat_is_a_cat(server: Server, key: str) -> None:
    response = server.detect(key)

    assert {"Cat", "Animal"} <= names(response)
    assert response["LabelModelVersion"] == "3.0"


def test_given_a_caller_when_the_photo_is_read_then_it_is_read_with_the_callers_credentials(
    server: Server,
) -> None:
    server.detect("cat.jpg")

    assert set(server.s3.asked_by) == {(CALLER.access_key_id, CALLER.session_token)}


def test_given_a_version_when_labelled_then_that_version_is_read(server: Server) -> None:
    place: Any = {"Bucket": "bucket", "Name": "versioned.jpg", "Version": "v1"}

    assert "Cat" in names(server.client.detect_labels(Image={"S3Object": place}))


def test_given_bytes_when_labelled_then_a_cat_is_a_cat(server: Server) -> None:
    assert "Cat" in names(server.client.detect_labels(Image={"Bytes": PHOTO}))


def test_given_no_min_confidence_when_labelled_then_it_is_55(server: Server) -> None:
    usual, all_of_them = server.detect("cat.jpg"), server.detect("cat.jpg", MinConfidence=0)

    assert names(usual) == {label["Name"] for label in all_of_them["Labels"] if label["Confidence"] >= 55}
    assert names(usual) < names(all_of_them)


def test_given_max_labels_when_labelled_then_only_the_surest_come(server: Server) -> None:
    assert server.detect("cat.jpg", MaxLabels=2)["Labels"] == server.detect("cat.jpg")["Labels"][:2]


@pytest.mark.parametrize(
    ("filters", "are_given"),
    [
        ({"LabelInclusionFilters": ["Cat", "Dog"]}, lambda name, _: name == "Cat"),
        ({"LabelExclusionFilters": ["Cat"]}, lambda name, _: name != "Cat"),
        ({"LabelCategoryInclusionFilters": ["Animals and Pets"]}, lambda _, kind: kind == "Animals and Pets"),
        ({"LabelCategoryExclusionFilters": ["Animals and Pets"]}, lambda _, kind: kind != "Animals and Pets"),
        (
            {"LabelCategoryInclusionFilters": ["Animals and Pets"], "LabelExclusionFilters": ["Cat"]},
            lambda name, kind: kind == "Animals and Pets" and name != "Cat",
        ),
        (
            {"LabelInclusionFilters": ["Cat"], "LabelCategoryExclusionFilters": ["Animals and Pets"]},
            lambda *_: False,
        ),
        ({"LabelInclusionFilters": [], "LabelExclusionFilters": []}, lambda *_: True),
    ],
)
def test_given_filters_when_labelled_then_just_the_labels_they_let_through_come(
    server: Server, filters: dict[str, list[str]], are_given: Callable[[str, str], bool]
) -> None:
    every = server.detect("cat.jpg", MinConfidence=0)["Labels"]
    given = server.detect("cat.jpg", MinConfidence=0, Settings={"GeneralLabels": filters})["Labels"]
    assert given == [one for one in every if are_given(one["Name"], one["Categories"][0]["Name"])]


def test_given_image_properties_when_asked_for_then_they_come_beside_the_labels_or_alone(server: Server) -> None:
    assert "ImageProperties" not in server.detect("cat.jpg")
    both: Any = server.detect("cat.jpg", Features=["GENERAL_LABELS", "IMAGE_PROPERTIES"])
    assert both["Labels"] == server.detect("cat.jpg")["Labels"]
    alone: Any = server.detect("cat.jpg", Features=["IMAGE_PROPERTIES"])
    assert "Labels" not in alone
    assert alone["ImageProperties"] == both["ImageProperties"]
    colours = both["ImageProperties"]["DominantColors"]
    asked: Any = {"Features": ["IMAGE_PROPERTIES"], "Settings": {"ImageProperties": {"MaxDominantColors": 1}}}
    assert server.detect("cat.jpg", **asked)["ImageProperties"]["DominantColors"] == colours[:1]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"Features": ["GENERAL_LABELS", "FACES"]}, "ValidationException"),
        ({"Features": ["GENERAL_LABELS"] * 3}, "ValidationException"),
        ({"Settings": {"GeneralLabels": {"LabelExclusionFilters": ["Cat"] * 101}}}, "ValidationException"),
        ({"Settings": {"GeneralLabels": {"LabelExclusionFilters": ["a" * 51]}}}, "ValidationException"),
        ({"Settings": {"GeneralLabels": {"LabelInclusionFilters": ["C#t"]}}}, "ValidationException"),
        (
            {"Features": ["IMAGE_PROPERTIES"], "Settings": {"ImageProperties": {"MaxDominantColors": 21}}},
            "ValidationException",
        ),
        (
            {"Features": ["IMAGE_PROPERTIES"], "Settings": {"GeneralLabels": {"LabelInclusionFilters": ["Cat"]}}},
            "InvalidParameterException",
        ),
        ({"Settings": {"ImageProperties": {"MaxDominantColors": 5}}}, "InvalidParameterException"),
    ],
)
def test_given_features_or_filters_that_do_not_do_when_asked_then_they_are_refused(
    server: Server, options: dict[str, Any], code: str
) -> None:
    with pytest.raises(ClientError) as raised:
        server.detect("cat.jpg", **options)
    assert raised.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    "settings", ["all", {"GeneralLabels": ["Cat"]}, {"GeneralLabels": {"LabelInclusionFilters": 7}}]
)
def test_given_settings_of_another_type_when_asked_then_a_serialization_error(settings: Any) -> None:
    body = json.dumps({"Image": {"S3Object": {"Bucket": "b", "Name": "n"}}, "Settings": settings})
    with pytest.raises(Refusal) as raised:
        Call.parse(body.encode())
    assert raised.value.code == "SerializationException"


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("missing.jpg", "InvalidS3ObjectException"),
        (NOT_ALLOWED, "InvalidS3ObjectException"),
        ("empty.jpg", "InvalidS3ObjectException"),
        (OUT_OF_ORDER, "InternalServerError"),
        ("heavy.jpg", "ImageTooLargeException"),
        ("wide.png", "ImageTooLargeException"),
        ("bomb.png", "ImageTooLargeException"),
        ("narrow.jpg", "InvalidParameterException"),
        ("text.jpg", "InvalidImageFormatException"),
        ("photo.gif", "InvalidImageFormatException"),
        ("truncated.jpg", "InvalidImageFormatException"),
        ("truncated.png", "InvalidImageFormatException"),
        ("only-a-signature.jpg", "InvalidImageFormatException"),
    ],
)
def test_given_an_object_that_will_not_do_when_labelled_then_rekognitions_own_error(
    server: Server, key: str, code: str
) -> None:
    with pytest.raises(getattr(server.client.exceptions, code)):
        server.detect(key)


def test_given_a_photo_of_80_pixels_when_labelled_then_it_is_large_enough(server: Server) -> None:
    server.detect("smallest.jpg")


@pytest.mark.parametrize(
    "options", [{"MinConfidence": 101}, {"Image": {}}, {"Image": {"S3Object": {"Bucket": "bucket"}}}]
)
def test_given_a_bad_parameter_when_asked_then_invalid_parameter(server: Server, options: dict[str, Any]) -> None:
    request: Any = {"Image": {"Bytes": PHOTO}} | options

    with pytest.raises(server.client.exceptions.InvalidParameterException):
        server.client.detect_labels(**request)


def test_given_more_than_5_mb_as_bytes_when_asked_then_a_validation_error(server: Server) -> None:
    with pytest.raises(ClientError) as raised:
        server.client.detect_labels(Image={"Bytes": bytes(5 * 2**20 + 1)})

    assert raised.value.response["Error"]["Code"] == "ValidationException"


def test_given_another_operation_when_asked_then_it_is_unknown(server: Server) -> None:
    with pytest.raises(ClientError) as raised:
        server.client.list_collections()

    assert raised.value.response["Error"]["Code"] == "UnknownOperationException"


def test_given_an_unknown_caller_when_introduced_then_the_photo_is_read(server: Server) -> None:
    stranger = Credentials("AKIDSTRANGER", "secret")
    client = client_of(server.url, stranger)
    image: Any = {"S3Object": {"Bucket": "bucket", "Name": "cat.jpg"}}
    with pytest.raises(ClientError) as raised:
        client.detect_labels(Image=image)
    assert raised.value.response["Error"]["Code"] == "UnrecognizedClientException"

    server.admin("credentials", stranger._asdict())

    assert "Cat" in names(client.detect_labels(Image=image))
    client.close()


def test_given_the_models_are_loaded_when_asked_for_its_health_then_ready(server: Server) -> None:
    server.detect("cat.jpg")

    assert server.admin("health") == {"ready": True, "mode": "vision"}


@pytest.mark.parametrize("code", ERRORS)
def test_given_an_error_rate_of_1_when_asked_then_boto3_knows_the_error(simulated: Server, code: str) -> None:
    simulated.admin("settings", {"errors": {code: 1.0}})

    with pytest.raises(getattr(simulated.client.exceptions, code)) as raised:
        simulated.detect("any.jpg")

    status = raised.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert status == (500 if code == "InternalServerError" else 400)
    assert raised.value.response["Error"]["Message"] == ERRORS[code]


def test_given_the_simulated_mode_when_asked_then_nothing_is_read(simulated: Server) -> None:
    first, second = simulated.detect("any.jpg"), simulated.detect("any.jpg")

    assert first["Labels"] == second["Labels"] != []
    assert simulated.s3.asked_by == []


def test_given_the_simulated_mode_that_reads_when_the_object_is_missing_then_invalid_s3_object(
    simulated: Server,
) -> None:
    simulated.admin("settings", {"read_object": True})

    assert simulated.detect("cat.jpg")["Labels"]
    with pytest.raises(simulated.client.exceptions.InvalidS3ObjectException):
        simulated.detect("missing.jpg")


def test_given_a_quota_when_calls_exceed_it_then_throttled(simulated: Server) -> None:
    simulated.admin("settings", {"tps": 0.001})
    simulated.detect("first.jpg")

    with pytest.raises(simulated.client.exceptions.ThrottlingException):
        simulated.detect("second.jpg")


def test_given_calls_when_counted_then_by_outcome_by_object_and_those_that_cost(simulated: Server) -> None:
    before = simulated.admin("calls")["outcomes"]
    simulated.detect("once.jpg")
    simulated.admin("settings", {"errors": {"ThrottlingException": 1.0}})
    for key in ("once.jpg", "never.jpg"):
        with pytest.raises(simulated.client.exceptions.ThrottlingException):
            simulated.detect(key)

    calls = simulated.admin("calls")
    places = ("bucket/once.jpg", "bucket/never.jpg")
    assert calls["outcomes"]["ok"] == before.get("ok", 0) + 1
    assert calls["outcomes"]["ThrottlingException"] == before.get("ThrottlingException", 0) + 2
    assert [calls["objects"][place] for place in places] == [2, 1]
    assert [calls["paid"][place] for place in places] == [1, 0]


def test_given_settings_when_changed_live_then_the_others_stay(simulated: Server) -> None:
    before = simulated.admin("settings")

    assert simulated.admin("settings", {"tps": 7}) == before | {"tps": 7}
    assert simulated.admin("settings", {"mode": "vision"}) == before | {"tps": 7, "mode": "vision"}
    assert "Cat" in names(simulated.detect("cat.jpg"))


@pytest.mark.parametrize(
    ("path", "content", "sentence"),
    [
        ("settings", {"mode": "guess"}, "mode must be vision or simulated, not 'guess'."),
        ("settings", {"tps": -1}, "tps must be a number from 0 up, not -1."),
        ("settings", [1], "Settings are a JSON object, not [1]."),
        ("credentials", {"access_key_id": "only"}, "missing 1 required"),
    ],
)
def test_given_bad_settings_when_put_then_a_sentence_says_so_and_nothing_changes(
    simulated: Server, path: str, content: Any, sentence: str
) -> None:
    before = simulated.admin("settings")

    assert sentence in simulated.admin(path, content)["error"]
    assert simulated.admin("settings") == before


def start(*options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "local.rekognition", "--s3-endpoint", "http://127.0.0.1:9", *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=REPOSITORY)


def test_given_command_when_started_by_parent_then_it_says_its_url_serves() -> None:
    with ExitStack() as stack:
        process = stack.enter_context(start("--mode", "simulated", "--seed", "9", "--exit-with-parent"))
        stack.callback(process.kill)
        assert process.stdout
        assert process.stderr
        url = json.loads(process.stdout.readline())["url"]
        assert admin(url, "settings")["seed"] == 9

        assert process.stdin
        process.stdin.close()
        process.wait(timeout=60)

        assert process.stdout.read() == b""
        assert process.stderr.read() == b""


def test_given_a_bad_setting_when_started_then_a_sentence_and_an_exit_code() -> None:
    with start("--simulation", '{"tps": -1}') as process:
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 2
    assert b"tps must be a number from 0 up, not -1." in errors
