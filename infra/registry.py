"""ECR: logging in, pushing, and the digest that a tag stands for."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from docker.errors import DockerException

from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import docker
    from types_boto3_ecr import ECRClient

    from infra.image import Image

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_ONE_IMAGE = (_MANIFEST, "application/vnd.oci.image.manifest.v1+json")
# The SDK passes on, unwrapped, what its HTTP client says of an engine that goes away or is silent.
_BROKEN_OFF = (DockerException, requests.RequestException, urllib3.exceptions.HTTPError)


@dataclass(frozen=True, slots=True)
class PushProgress:
    """The progress of a push; layers that are in the registry already count as sent."""

    layers: int
    layers_sent: int
    sent_mb: float


class Registry:
    """One repository of ECR."""

    def __init__(self, client: ECRClient, uri: str, host: str | None = None) -> None:
        """`uri` is ECR's name of the repository; `host`: push there instead, to a stand-in for ECR."""
        self._client = client
        self._uri = uri
        self._name = uri.partition("/")[2]
        self._place = f"{host}/{self._name}" if host else uri

    def find(self, tag: str) -> str | None:
        """Return the image of a tag, by digest as Lambda takes it; None: there is none."""
        try:
            answer = self._client.describe_images(repositoryName=self._name, imageIds=[{"imageTag": tag}])
        except self._client.exceptions.ImageNotFoundException:
            return None
        if not answer["imageDetails"]:
            return None
        image = answer["imageDetails"][0]
        if image.get("imageManifestMediaType", _MANIFEST) not in _ONE_IMAGE:
            raise UserError(
                f"The image {tag} was pushed as an index of several, which Lambda does not take: "
                "delete it in ECR, and push again with this tool."
            )
        return f"{self._uri}@{image['imageDigest']}"

    def push(self, engine: docker.DockerClient, image: Image, show: Callable[[PushProgress], None]) -> str:
        """Push an image; return its URI by digest, read back from ECR. Raises UserError."""
        data = self._client.get_authorization_token()["authorizationData"][0]
        user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
        try:
            engine.images.get(image.name).tag(self._place, image.tag)
            try:
                stream = engine.images.push(
                    self._place,
                    image.tag,
                    stream=True,
                    decode=True,
                    auth_config={"username": user, "password": password},
                )
                _follow(stream, show)
            finally:
                engine.images.remove(f"{self._place}:{image.tag}", noprune=True)
        except _BROKEN_OFF as error:
            raise UserError(f"Docker cannot push to {self._place}: {error}") from error
        found = self.find(image.tag)
        if found is None:
            raise UserError(f"ECR does not have {image.tag}, although it took the push: push again.")
        return found


def _follow(stream: Iterable[dict[str, Any]], show: Callable[[PushProgress], None]) -> None:
    """Read a push to its end. The SDK does not raise what goes wrong: the stream says it."""
    sent: dict[str, bool] = {}
    bytes_sent: dict[str, int] = {}
    for line in stream:
        if error := line.get("errorDetail") or line.get("error"):
            said = error.get("message", "") if isinstance(error, dict) else error
            raise UserError(f"The push failed: {said}")
        if layer := line.get("id"):
            sent[layer] = line.get("status") in {"Pushed", "Layer already exists"}
            if "current" in line.get("progressDetail", {}):
                bytes_sent[layer] = line["progressDetail"]["current"]
            show(PushProgress(len(sent), sum(sent.values()), sum(bytes_sent.values()) / 1e6))
