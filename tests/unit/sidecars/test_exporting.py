"""`photos export --format xmp` on moto: what is written, what is said, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from photo_labels import cli
from photo_labels.commands import export as command
from tests.unit.deployed import document, store
from tests.unit.sidecars.reading import DOG, label, labelled, read
from tests.unit.sidecars.test_beside import BOX, document_of, photo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document


def run(target: Target, monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> Any:
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    monkeypatch.setattr(cli.console, "width", 200)
    return CliRunner().invoke(cli.photos, ["export", *map(str, arguments)])


def said(ended: Any) -> list[str]:
    """Return the lines after the pipeline and what is read."""
    lines: list[str] = ended.stdout.splitlines()
    return lines[2:]


def test_given_documents_when_exported_then_each_labelled_photo_has_a_sidecar_and_all_is_said(
    target: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    body, folder = photo(6), tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(body)
    (folder / "theirs.jpg.xmp").write_bytes(b"theirs")
    store(target, document_of(body))
    store(target, labelled("2019/dog.heic", *DOG, orientation=1))
    store(target, labelled("fog.jpg", orientation=None))
    store(target, labelled("far.jpg", label("Dog", boxes=[BOX])))
    store(target, labelled("theirs.jpg", label("Dog")))
    store(target, labelled("../out.jpg", label("Dog")))
    store(target, document("bad.jpg", {}, status="REJECTED", reason="BrokenPhoto", detail="The file is broken."))
    store(target, document("gone.jpg", {}, status="REMOVED"))
    ended = run(target, monkeypatch, "--format", "xmp", folder)
    assert said(ended) == [
        "4 sidecars written",
        "theirs.jpg.xmp is made or changed by somebody else, and left alone: move it away to have ours.",
        (
            "1 photo without a sidecar: the key is no name for a file in that folder, or a folder, links or "
            "permissions are in the way: ../out.jpg"
        ),
        "1 sidecar without boxes: only the photo itself, unchanged, beside its sidecar would tell how it is turned.",
        "1 photo rejected, without labels or a sidecar: `photos failures` says why.",
    ]
    assert (ended.exit_code, ended.stderr) == (3, "")
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.xmp")} == {
        *(f"photos/{name}.xmp" for name in ("a.jpg", "2019/dog.heic", "fog.jpg", "far.jpg", "theirs.jpg"))
    }
    turned = read((folder / "a.jpg.xmp").read_bytes())
    assert (turned.names, turned.size, len(turned.regions)) == (["Dog"], (120, 200), 1)
    converted = read((folder / "2019/dog.heic.xmp").read_bytes())
    assert (converted.size, [one.name for one in converted.regions]) == (None, ["Dog"])
    assert converted.with_slashes[-1] == "Animal/Mammal/Canine/Dog"
    assert read((folder / "far.jpg.xmp").read_bytes()).regions == []
    assert (folder / "theirs.jpg.xmp").read_bytes() == b"theirs"


def test_given_an_export_when_done_again_then_nothing_changes_but_what_was_labelled_anew(
    target: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for key in ("a.jpg", "b.jpg"):
        store(target, document(key, {"Dog": 98.0}))
    assert said(run(target, monkeypatch, "--format", "xmp", tmp_path)) == ["2 sidecars written"]
    store(target, document("b.jpg", {"Cat": 98.0}))
    ended = run(target, monkeypatch, "--format", "xmp", tmp_path)
    assert (ended.exit_code, said(ended)) == (0, ["1 sidecar written, 1 unchanged"])
    assert read((tmp_path / "b.jpg.xmp").read_bytes()).names == ["Cat"]


def test_given_a_prefix_or_no_boxes_when_exported_then_only_those_and_without(
    target: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for key in ("2019/a.jpg", "2020/a.jpg"):
        store(target, labelled(key, label("Dog", boxes=[BOX]), orientation=1))
    ended = run(target, monkeypatch, "--format", "xmp", tmp_path, "--prefix", "2020/", "--no-boxes")
    assert (ended.exit_code, said(ended)) == (0, ["1 sidecar written"])
    [path] = tmp_path.rglob("*.xmp")
    assert path == tmp_path / "2020" / "a.jpg.xmp"
    assert read(path.read_bytes()) == (["Dog"], ["Dog"], ["Dog"], [], None)


def test_given_two_buckets_with_one_key_when_exported_then_one_has_the_sidecar_and_it_is_said(
    target: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for bucket in ("photos", "others"):
        store(target, document("a.jpg", {"Dog": 98.0}, bucket=bucket))
    ended = run(target, monkeypatch, "--format", "xmp", tmp_path)
    assert ended.exit_code == 3
    assert said(ended)[1] == (
        "a.jpg.xmp is another photo's already, and left alone: two keys have one name on this disk, or the photos "
        "are of two buckets."
    )
    first = (tmp_path / "a.jpg.xmp").read_bytes()
    assert said(run(target, monkeypatch, "--format", "xmp", tmp_path))[0] == "no sidecar written, 1 unchanged"
    assert (tmp_path / "a.jpg.xmp").read_bytes() == first


def test_given_an_export_that_is_stopped_when_it_ends_then_what_was_written_is_said(
    target: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stopped(*_: Any) -> Iterator[Document]:
        yield document("a.jpg", {"Dog": 98.0})
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "documents", stopped)
    ended = run(target, monkeypatch, "--format", "xmp", tmp_path)
    assert said(ended)[:2] == ["1 sidecar written", "Not all is written: run it again."]
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg.xmp"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--format", "xmp"], "--format xmp writes a file for each photo: name the folder for them."),
        (["photos"], "photos is for --format xmp: --format jsonl writes to standard output."),
        (["--format", "csv", "photos"], "photos is for --format xmp: --format csv writes to standard output."),
        *(
            (
                [*kind, "s3://photos/a"],
                "Invalid value for '[DIR]': DIR is a folder of this machine; `--prefix s3://photos/a` chooses photos.",
            )
            for kind in ([], ["--format", "xmp"])
        ),
        (["--no-boxes"], "--no-boxes is for --format xmp: --format jsonl writes to standard output."),
    ],
)
def test_given_options_that_make_no_sense_together_when_exported_then_a_sentence_says_so(
    target: Target, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    ended = run(target, monkeypatch, *arguments)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1] == f"Error: {sentence}"
