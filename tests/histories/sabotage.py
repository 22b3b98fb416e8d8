"""Mutations of the function and the tools, each a fault that somebody could make; the histories notice them all.

    python -m tests.histories.sabotage [N]      after how many histories each is noticed, of N at most

What takes more histories than that to notice is not here, and has tests of its own (`tests/unit`): equal bytes that come
back between two missed events, or while labels could not be written; a purge beside a commit.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from handler import decisions, events, labelling, objects, pipeline, storage
from handler.copies import Copies
from handler.decisions import SkipReason
from handler.labelling import Labeller
from handler.pipeline import Pipeline
from handler.report import Outcome
from handler.storage import Committed, Storage
from photo_labels.library import audit as auditing
from photo_labels.library.audit import Repairer
from photo_labels.records import heads
from photo_labels.records.documents import Document
from photo_labels.records.index import rank
from tests.histories.check import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_ALWAYS = "attribute_not_exists(Nothing)", dict[str, Any]()
MOST = 20_000


@contextmanager
def changed(owner: Any, **attributes: Any) -> Iterator[None]:
    """Set attributes for a while."""
    before = {name: owner.__dict__[name] for name in attributes}
    for name, value in attributes.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)


def every_document_is_written_over() -> Any:
    return changed(storage, _condition=lambda _: _ALWAYS)


def reconciliations_write_over_what_they_did_not_read() -> Any:
    condition = storage._condition
    return changed(storage, _condition=lambda write: _ALWAYS if write.reconciled else condition(write))


def sequencers_are_compared_as_numbers() -> Any:
    read = events._sequencer

    def as_number(value: object) -> str | None:
        return f"{int(str(value), 16):030d}" if read(value) else None

    return changed(events, _sequencer=as_number)


def sequencers_are_not_compared() -> Any:
    """The newest commit wins, not the newest event."""
    return changed(storage, _condition=lambda write: _ALWAYS if not write.reconciled else storage_condition(write))


storage_condition = storage._condition


def reconciliations_that_lose_are_done() -> Any:
    judge = Pipeline.classify_commit
    return changed(
        Pipeline, classify_commit=lambda self, write, end: judge(self, replace(write, requested=False), end)
    )


def null_is_no_version() -> Any:
    head_of = heads.head_of

    def without(answer: Any) -> Any:
        head = head_of(answer)
        return replace(head, version_id=None) if head.version_id == "null" else head

    return changed(objects, head_of=without)


def rows_are_written_after_the_document() -> Any:
    put, commit = Pipeline._put_rows, Pipeline._commit

    def afterwards(self: Any, writes: Any, threads: Any, deadline: Any) -> Any:
        ends = commit(self, writes, threads, deadline)
        put(self, writes.values(), threads, deadline)
        return ends

    return changed(Pipeline, _put_rows=lambda *_: {}, _commit=afterwards)


def rows_of_two_commits_share_their_keys() -> Any:
    rows = Document.rows

    def by_sequencer(self: Document) -> Any:
        for row in rows(self):
            confidence = next(one["Confidence"] for one in self.labels if one["Name"] == row.label)
            yield replace(row, rank=rank(confidence, self.image_id, self.sequencer))

    return changed(Document, rows=by_sequencer)


def rows_of_who_loses_stay() -> Any:
    judge = Pipeline.classify_commit

    def keep(self: Any, write: Any, end: Any) -> Any:
        outcome, stale = judge(self, write, end)
        return outcome, stale if outcome.committed_at else []

    return changed(Pipeline, classify_commit=keep)


def rows_of_what_is_replaced_stay() -> Any:
    judge = Pipeline.classify_commit

    def keep(self: Any, write: Any, end: Any) -> Any:
        outcome, stale = judge(self, write, end)
        return outcome, [] if outcome.committed_at else stale

    return changed(Pipeline, classify_commit=keep)


def rows_go_where_a_commit_failed() -> Any:
    """Its answer may have got lost."""
    judge = Pipeline.classify_commit

    def drop(self: Any, write: Any, end: Any) -> Any:
        outcome, stale = judge(self, write, end)
        return outcome, list(write.document.rows()) if end.value is None else stale

    return changed(Pipeline, classify_commit=drop)


def own_commits_are_taken_for_anothers() -> Any:
    commit = Storage.commit

    def lost(self: Any, write: Any, deadline: Any) -> Any:
        end = commit(self, write, deadline)
        return (
            storage.ConditionFailed(write.document)
            if isinstance(end, Committed) and end.replaced is write.known
            else end
        )

    return changed(Storage, commit=lost)


def removals_are_trusted() -> Any:
    verified = Labeller._resolve_from_s3

    def trusting(self: Any, photo: Any) -> Any:
        if photo.task.event.kind is events.Kind.REMOVED and not photo.task.reconcile:
            return self._remove(photo.task)
        return verified(self, photo)

    return changed(Labeller, _resolve_from_s3=trusting)


def old_events_are_trusted() -> Any:
    return changed(decisions, _TRUSTED_FOR=1000 * decisions._TRUSTED_FOR)


def only_etags_are_compared() -> Any:
    return changed(Document, is_of=lambda self, etag, _modified, _version: self.etag == etag)


def an_older_look_is_written_over_a_newer() -> Any:
    """What is up to date is left alone, with the sequencer that it has."""
    return changed(labelling, _rewrite=lambda *_: SkipReason.UP_TO_DATE)


def what_is_handed_over_loses_its_sequencer() -> Any:
    body_of = events.body_of

    def without(event: Any) -> str:
        return body_of(replace(event, kind=events.Kind.RECONCILE, sequencer=None))

    return changed(labelling, body_of=without)


def what_fails_is_done() -> Any:
    return changed(pipeline, Outcome=lambda **ends: Outcome(**(ends | {"error": None})))


def an_insertion_that_met_another_counts() -> Any:
    return changed(Storage, insert=_inserted)


insert = Storage.insert


def _inserted(self: Any, writes: Any, deadline: Any) -> set[str]:
    insert(self, writes, deadline)
    return {write.image_id for write in writes}


def repair_does_not_force_where_rows_are_missing() -> Any:
    repair = Repairer.repair

    def unforced(self: Any, problem: Any) -> None:
        if problem.row is None:
            self._reconciler.ask(problem.bucket, problem.key)
        else:
            repair(self, problem)

    return changed(Repairer, repair=unforced)


def documents_have_no_commit() -> Any:
    return changed(labelling, new_commit=lambda: None)


def the_audit_looks_once() -> Any:
    return changed(auditing, _SAME_FOR=timedelta())


def marks_of_purges_are_tombstones_to_the_function() -> Any:
    task_for = decisions.task_for

    def unmarked(work: Any, known: Any, now: Any) -> Any:
        return task_for(work, known and replace(known, purged_at=None), now)

    return changed(pipeline, task_for=unmarked)


def what_was_under_way_is_written_over_a_mark() -> Any:
    return changed(storage, _condition=lambda write: storage_condition(replace(write, moment=_NEVER)))


def copies_are_of_bytes_that_nobody_has_seen() -> Any:
    return changed(Copies, _is_seen=lambda *_: True)


def copies_are_of_whatever_their_original_is_now() -> Any:
    def now(self: Any, claim: Any, deadline: Any) -> Document | None:
        document = self._storage.read([claim.image_id], (), deadline).documents.get(claim.image_id)
        return document if isinstance(document, Document) and document.status == "LABELLED" else None

    return changed(Copies, _original=now)


MUTATIONS: list[Callable[[], Any]] = [
    every_document_is_written_over,
    sequencers_are_not_compared,
    sequencers_are_compared_as_numbers,
    reconciliations_write_over_what_they_did_not_read,
    reconciliations_that_lose_are_done,
    null_is_no_version,
    rows_are_written_after_the_document,
    rows_of_two_commits_share_their_keys,
    rows_of_who_loses_stay,
    rows_of_what_is_replaced_stay,
    rows_go_where_a_commit_failed,
    own_commits_are_taken_for_anothers,
    removals_are_trusted,
    old_events_are_trusted,
    only_etags_are_compared,
    an_older_look_is_written_over_a_newer,
    what_is_handed_over_loses_its_sequencer,
    what_fails_is_done,
    an_insertion_that_met_another_counts,
    documents_have_no_commit,
    repair_does_not_force_where_rows_are_missing,
    the_audit_looks_once,
    marks_of_purges_are_tombstones_to_the_function,
    what_was_under_way_is_written_over_a_mark,
    copies_are_of_bytes_that_nobody_has_seen,
    copies_are_of_whatever_their_original_is_now,
]


def noticed_after(mutation: Callable[[], Any], first: int, most: int) -> int | None:
    """Return how many histories it takes to notice a mutation; None: more than that."""
    with mutation():
        for number in range(1, most + 1):
            try:
                run(first + number - 1)
            except Exception:  # noqa: BLE001 - whatever it is: it is noticed
                return number
    return None


def _noticed(at: int, most: int) -> int | None:
    return noticed_after(MUTATIONS[at], 0, most)


def main() -> None:
    most = int(sys.argv[1]) if len(sys.argv) > 1 else MOST
    missed = 0
    with ProcessPoolExecutor() as pool:
        for mutation, number in zip(
            MUTATIONS, pool.map(_noticed, range(len(MUTATIONS)), [most] * len(MUTATIONS)), strict=True
        ):
            said = f"noticed by history {number:,}" if number else f"not noticed by {most:,} histories"
            missed += number is None
            print(f"{mutation.__name__.replace('_', ' ')}: {said}", flush=True)
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
