"""The command line, on moto's S3 and DynamoDB; a thread of the test's plays the pipeline."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.stub import Stubber
from click.testing import CliRunner
from rich.console import Console

from photos import cli
from photos.display import safe, show_summary
from photos.errors import UserError
from photos.importing import ENDS, PATIENCE_S, Importer, ImportResult, Progress
from photos.reading import Reader
from photos.target import Target, aws_target, described
from tests.unit.deployed import BUCKET, document, put, store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOSTILE = ["a b+c%.jpg", "ünï/日本.PNG", "[bold]not[/bold].jpg", "line\nbreak.jpg", "esc\x1b[31m.jpeg"]


class PlayedPipeline(threading.Thread):
    """Writes a document for every object: rejected if "bad" is in its name, none at all if "lost" is."""

    def __init__(self, target: Target) -> None:
        super().__init__(daemon=True)
        self._target = target
        self.stop = threading.Event()

    def run(self) -> None:
        s3, seen = self._target.client("s3"), set[str]()
        while not self.stop.is_set():
            for found in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
                key, etag = found["Key"], found["ETag"].strip('"')
                if key in seen or "lost" in key:
                    continue
                seen.add(key)
                if "bad" in key:
                    store(
                        self._target,
                        document(key, {}, etag=etag, status="REJECTED", reason="Bad", detail="It is."),
                    )
                else:
                    store(self._target, document(key, {"Cat": 98.5}, etag=etag))
            self.stop.wait(0.01)


@pytest.fixture
def pipeline(target: Target) -> Iterator[PlayedPipeline]:
    played = PlayedPipeline(target)
    played.start()
    yield played
    played.stop.set()
    played.join()


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def impatient(target: Target, after: Callable[[Progress], int]) -> Importer:
    """Give an importer for which no time passes before something has happened, and then all of its patience."""
    now = 0.0

    def pass_time(progress: Progress) -> None:
        nonlocal now
        now += (PATIENCE_S + 1) * after(progress)

    return Importer(target, pass_time, clock=lambda: now)


def ends(result: ImportResult) -> dict[str, str | None]:
    return {photo.path.name: photo.end for photo in result.photos}


def summary(result: ImportResult) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    show_summary(console, result)
    return console.export_text()


# import


@pytest.mark.usefixtures("pipeline")
def test_given_photos_with_hostile_names_when_imported_then_each_is_labelled_under_its_own_key(
    target: Target, tmp_path: Path
) -> None:
    write(tmp_path, *HOSTILE)
    result = Importer(target).run(tmp_path)
    assert result.is_complete
    assert {photo.key for photo in result.photos} == set(HOSTILE)
    assert all(photo.document and photo.document.key == photo.key for photo in result.photos)


@pytest.mark.usefixtures("pipeline")
def test_given_a_folder_of_everything_when_imported_then_the_numbers_add_up(
    target: Target, tmp_path: Path
) -> None:
    write(
        tmp_path,
        "good.jpg",
        "bad.png",
        "sub/deep/good.heic",
        "notes.txt",
        ".hidden.jpg",
        "x" * 200 + "/" + "y" * 200 + ".jpg",
    )
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    long = tmp_path / "/".join(["d" * 204] * 5) / "long.jpg"
    long.parent.mkdir(parents=True)
    long.touch()
    result = Importer(target).run(tmp_path)
    counts = result.counts()
    assert counts == {"labelled": 3, "rejected": 1, "not uploaded": 2}
    assert sum(counts.values()) == len(result.photos) == 6
    assert result.left_alone == 2
    assert not result.is_complete
    told = summary(result)
    assert "6 photos = 3 labelled + 1 rejected + 2 not uploaded" in told
    assert "2 other files left alone, by name no photo" in told
    assert "Bad: It is." in told
    assert "It cannot be read: No such file or directory." in told
    assert "S3 takes 1,024" in told


@pytest.mark.usefixtures("pipeline")
def test_given_a_put_that_is_refused_when_imported_then_the_others_are_not_stopped(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a.jpg", "refused.jpg")
    importer = Importer(target)
    put_object = importer._s3.put_object

    def refuse(**parameters: Any) -> Any:
        if parameters["Key"] == "refused.jpg":
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")
        return put_object(**parameters)

    monkeypatch.setattr(importer._s3, "put_object", refuse)
    result = importer.run(tmp_path)
    assert ends(result) == {"a.jpg": "labelled", "refused.jpg": "not uploaded"}
    assert "AccessDenied" in result.photos[1].why


@pytest.mark.usefixtures("pipeline")
def test_given_a_photo_without_news_when_imported_then_it_is_unaccounted_for_with_where_to_look(
    target: Target, tmp_path: Path
) -> None:
    write(tmp_path, "a.jpg", "lost.jpg")
    result = impatient(target, lambda progress: progress.ended["labelled"]).run(tmp_path)
    assert ends(result) == {"a.jpg": "labelled", "lost.jpg": "unaccounted for"}
    assert "/aws/lambda/label" in result.photos[1].why


@pytest.mark.usefixtures("pipeline")
def test_given_a_photo_that_is_deleted_when_imported_then_it_is_said(target: Target, tmp_path: Path) -> None:
    store(target, document("lost.jpg", {}, status="REMOVED", etag=None))
    write(tmp_path, "lost.jpg")
    importer = impatient(target, lambda progress: progress.uploaded)
    assert ends(importer.run(tmp_path)) == {"lost.jpg": "removed meanwhile"}


@pytest.mark.usefixtures("pipeline")
def test_given_an_older_photo_of_that_name_when_imported_then_its_labels_are_not_taken_for_the_new_ones(
    target: Target, tmp_path: Path
) -> None:
    store(target, document("a.jpg", {"Dog": 99.0}, etag="of the older photo"))
    write(tmp_path, "a.jpg")
    [photo] = Importer(target).run(tmp_path).photos
    assert photo.document
    assert [label["Name"] for label in photo.document.labels] == ["Cat"]


@pytest.mark.usefixtures("pipeline")
def test_given_ctrl_c_when_importing_then_every_photo_has_an_end_all_the_same(
    target: Target, tmp_path: Path
) -> None:
    write(tmp_path, *(f"{number}.jpg" for number in range(50)), "lost.jpg")

    def interrupt(_progress: Any) -> None:
        raise KeyboardInterrupt

    result = Importer(target, interrupt).run(tmp_path)
    assert result.interrupted
    assert all(photo.end in ENDS for photo in result.photos)
    assert sum(result.counts().values()) == 51


@pytest.mark.parametrize("name", ["missing", "file.txt", "empty", "without"])
def test_given_a_folder_without_photos_when_imported_then_one_sentence_names_it(
    target: Target, tmp_path: Path, name: str
) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path, "file.txt", "without/notes.txt")
    with pytest.raises(UserError, match=name):
        Importer(target).run(tmp_path / name)


# reading


def test_given_rows_that_no_document_backs_when_searched_then_they_are_left_out(target: Target) -> None:
    store(target, document("good.jpg", {"Cat": 95.0}))
    store(target, document("overwritten.jpg", {"Cat": 97.0}))
    newer = document("overwritten.jpg", {"Dog": 97.0}, sequencer="02")
    put(target, "ImageLabels", newer.to_item())
    assert [hit.document.key for hit in Reader(target).search("Cat", 0, 20)] == ["good.jpg"]


def test_given_many_photos_when_searched_then_the_surest_come_first_and_only_as_many_as_asked(
    target: Target,
) -> None:
    for number in range(30):
        store(target, document(f"{number}.jpg", {"Cat": 70.5 + number}))
    hits = Reader(target).search("Cat", 80, 10)
    assert [hit.confidence for hit in hits] == [99.5 - number for number in range(10)]
    assert len(Reader(target).search("Cat", 90, 100)) == 10


def test_given_stale_rows_in_front_when_searched_then_pages_are_read_until_there_are_enough(
    target: Target,
) -> None:
    for number in range(10):
        store(target, document(f"{number}.jpg", {"Cat": 90.0 + number}))
        if number >= 5:
            gone = document(f"{number}.jpg", {}, status="REMOVED", sequencer="02")
            put(target, "ImageLabels", gone.to_item())
    assert [hit.document.key for hit in Reader(target).search("Cat", 0, 3)] == ["4.jpg", "3.jpg", "2.jpg"]


def test_given_unprocessed_keys_when_read_then_they_are_asked_for_again(target: Target) -> None:
    for number in range(150):
        store(target, document(f"{number}.jpg", {}))
    pauses: list[float] = []
    reader = Reader(target, pauses.append)
    batch_get_item, sizes = reader._client.batch_get_item, []

    def half(RequestItems: dict[str, Any]) -> Any:  # noqa: N803 - boto3's name
        keys = RequestItems["ImageLabels"]["Keys"]
        sizes.append(len(keys))
        now = keys[: len(keys) // 2 or 1]
        answer = batch_get_item(RequestItems={"ImageLabels": {"Keys": now, "ConsistentRead": True}})
        left = keys[len(now) :]
        return answer | {"UnprocessedKeys": {"ImageLabels": {"Keys": left}} if left else {}}

    reader._client.batch_get_item = half
    assert len(reader.documents([f"{BUCKET}/{number}.jpg" for number in range(150)])) == 150
    assert max(sizes) <= 100
    assert pauses


# the commands


def run(target: Target, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.setattr(cli, "local_target", lambda: target)
    monkeypatch.setattr(cli, "console", Console(width=140))
    return CliRunner().invoke(cli.photos, ["--local", *arguments])


@pytest.mark.parametrize("name", ["a.jpg", f"{BUCKET}/a.jpg", f"s3://{BUCKET}/a.jpg"])
def test_given_an_image_by_any_name_when_shown_then_its_document_is(
    target: Target, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    store(target, document("a.jpg", {"Cat": 98.5}))
    ended = run(target, monkeypatch, "show", name)
    shown = ended.output
    assert ended.exit_code == 0
    assert shown.startswith("account 1, us-east-1\n")
    assert "98.50" in shown


def test_given_an_image_that_is_not_known_when_shown_then_a_sentence_says_so(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = run(target, monkeypatch, "show", "none.jpg")
    assert ended.exit_code == 1
    assert "Nothing is known of none.jpg" in ended.output


def test_given_a_label_in_lower_case_when_searched_then_it_is_found(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(target, document("a.jpg", {"Coffee Cup": 98.5}))
    found, none = (run(target, monkeypatch, "search", label) for label in ("coffee cup", "unicorn"))
    assert (found.exit_code, none.exit_code) == (0, 1)
    assert "1 photo with Coffee Cup" in found.output
    assert "No photo is labelled unicorn." in none.output


def test_given_names_that_a_terminal_would_obey_when_shown_then_they_are_only_text(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(target, document("[red]x[/red]\x1b[31m\n.jpg", {"[blink]Cat": 98.5}))
    shown = run(target, monkeypatch, "search", "[blink]Cat").output
    assert "\x1b" not in shown
    assert "[red]x[/red]\\x1b[31m\\n.jpg" in shown
    assert str(safe("tab\there")) == "tab\\there"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UserError("There is no stack."), "There is no stack."),
        (
            ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "Query"),
            "AWS refuses Query: expired",
        ),
        (NoCredentialsError(), "AWS cannot be reached"),
    ],
)
def test_given_what_a_person_can_mend_when_it_reaches_the_top_then_it_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, words: str
) -> None:
    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(cli, "photos", type("Group", (), {"main": staticmethod(fail)}))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"photos: {words}")
    assert "Traceback" not in said


def test_given_no_stack_when_described_then_the_sentence_names_stack_and_place(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = target.client("cloudformation")
    monkeypatch.setattr(Target, "client", lambda *_: client)
    stub = Stubber(client)
    stub.add_client_error("describe_stacks", "ValidationError", "Stack with id nothing does not exist")
    with stub, pytest.raises(UserError, match="no stack 'nothing' in account 1: deploy it"):
        described(target.session, None, "nothing", "account 1")


def test_given_a_profile_that_is_not_there_when_asked_then_a_sentence_says_what_to_do(target: Target) -> None:
    assert target
    with pytest.raises(UserError, match=r"nobody.*--profile.*--local"):
        aws_target("photo-labels", "us-east-1", "nobody")


def test_given_no_region_when_asked_then_a_sentence_says_what_to_do(target: Target) -> None:
    assert target
    with pytest.raises(UserError, match="--region"):
        aws_target("photo-labels", None, None)
