"""One batch from records to outcomes: read what is known, recognise, write, commit, clean up.

Results are written as they complete: while some are on their way to DynamoDB, other photos are recognised, so
that no photo waits for the slowest of its batch.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from handler.decisions import Forward, SkipReason, Task, Write, task_for
from handler.events import collapse
from handler.report import Outcome, Report
from handler.results import CallStats
from handler.storage import MAX_READ_ITEMS, Committed, ConditionFailed, Storage, in_statements, in_writes
from handler.threads import JobResult, Threads
from photo_labels.records.contents import Claim
from photo_labels.records.documents import iso
from photo_labels.records.errors import ChangedMeanwhileError, ForeignItemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from handler.copies import Copies
    from handler.deadline import Deadline
    from handler.events import Message
    from handler.labelling import Labeller
    from handler.lanes import Lane
    from handler.messages import Messages
    from photo_labels.records.index import Row

# Kept free after recognising: rows and documents, each with one lost call.
_TO_WRITE_S = 3.0
# Kept free after writing: dead letters and visibility timeouts.
_TO_REPORT_S = 2.0

_WRITERS = 8


class Pipeline:
    """The function without its environment: everything it calls is passed in."""

    def __init__(
        self,
        storage: Storage,
        labeller: Labeller,
        copies: Copies,
        messages: Messages,
        *,
        concurrency: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        threads: Callable[[int], Threads] = Threads,
    ) -> None:
        self._storage = storage
        self._labeller = labeller
        self._copies = copies
        self._messages = messages
        self._concurrency = concurrency
        self._now = now
        self._threads = threads

    def run(self, messages: list[Message], lane: Lane, deadline: Deadline) -> Report:
        """Bring every message of a lane to an end: done, or among the report's `failed`. Raises no AWS error."""
        report = Report(messages, self._now(), lane)
        writing = deadline.earlier(_TO_REPORT_S)
        with (
            self._threads(self._concurrency) as recognisers,
            self._threads(self._concurrency) as beside,
            self._threads(_WRITERS) as writers,
        ):
            tasks = self._plan(report, writers, writing)
            report.call_stats = {image: CallStats() for image in tasks}
            recognising = writing.earlier(_TO_WRITE_S)
            for wave in self._waves(tasks, report):
                jobs = {
                    image: partial(
                        self._labeller.resolve, task, lane, recognising, report.call_stats[image], beside
                    )
                    for image, task in wave.items()
                }
                for completed in recognisers.completed_batches(jobs, recognising):
                    self._write(completed, report, writers, writing)
            self._release(report, writers, writing)
            self._finish(report, writers, deadline)
        return report

    def _plan(self, report: Report, threads: Threads, deadline: Deadline) -> dict[str, Task]:
        """Read the documents and leave out what they show to be done."""
        work = collapse(report.messages)
        images = list(work)
        parts = [tuple(images[start : start + MAX_READ_ITEMS]) for start in range(0, len(images), MAX_READ_ITEMS)]
        contents = {image: self._copies.content_of(one.newest) for image, one in work.items()}
        jobs = {
            part: partial(self._storage.read, part, filter(None, map(contents.get, part)), deadline)
            for part in parts
        }
        tasks: dict[str, Task] = {}
        for part, read in threads.run_all(jobs, deadline).items():
            if read.value and read.value.claim_error:
                report.claim_error = read.value.claim_error
            for image in part:
                if read.value is None:
                    report.outcomes[image] = Outcome(error=read.error)
                    continue
                known = read.value.documents.get(image)
                if isinstance(known, ForeignItemError):
                    report.outcomes[image] = Outcome(error=known)
                    continue
                claim = read.value.claims.get(contents[image] or "")
                task = task_for(work[image], known, report.received_at, claim)
                if isinstance(task, SkipReason):
                    report.outcomes[image] = Outcome(skip_reason=task)
                else:
                    tasks[image] = task
        return tasks

    def _waves(self, tasks: dict[str, Task], report: Report) -> Iterator[dict[str, Task]]:
        """Return the first photo of each content; when those have ended, the others, which find them labelled."""
        firsts: dict[str, str] = {}
        for image, task in tasks.items():
            firsts.setdefault(self._copies.content_of(task.event) or image, image)
        yield {image: tasks[image] for image in firsts.values()}
        others: dict[str, Task] = {}
        for image in tasks.keys() - firsts.values():
            task, content = tasks[image], self._copies.content_of(tasks[image].event)
            assert content
            first = firsts[content]
            if report.outcomes[first].write:  # and so no slot has to be booked to find that out
                task = replace(task, claim=Claim(content, first, iso(report.received_at)))
            others[image] = task
        if others:
            yield others

    def _write(
        self,
        completed: dict[str, JobResult[Write | SkipReason | Forward]],
        report: Report,
        threads: Threads,
        deadline: Deadline,
    ) -> None:
        """Write rows first, then documents; then delete the rows that no document backs any more."""
        writes: dict[str, Write] = {}
        others: dict[str, Forward] = {}
        for image, resolved in completed.items():
            if isinstance(resolved.value, Write):
                writes[image] = resolved.value
            elif isinstance(resolved.value, Forward):
                others[image] = resolved.value
            else:
                report.outcomes[image] = Outcome(skip_reason=resolved.value, error=resolved.error)
        self._forward(others, report, threads, deadline)
        no_rows = self._put_rows(writes.values(), threads, deadline)
        report.outcomes |= {image: Outcome(error=error) for image, error in no_rows.items()}
        with_rows = {image: write for image, write in writes.items() if image not in no_rows}
        stale: list[Row] = []
        for image, commit in self._commit(with_rows, threads, deadline).items():
            report.outcomes[image], unbacked = self.classify_commit(writes[image], commit)
            stale += unbacked
            if isinstance(commit.value, Committed):
                report.outdated_claims |= self._copies.outdated_claims(
                    commit.value.replaced, writes[image].document
                )
        self._labeller.record_writes([(write, report.outcomes[image].error) for image, write in writes.items()])
        self._delete_rows(stale, report, threads, deadline)

    def _forward(self, photos: dict[str, Forward], report: Report, threads: Threads, deadline: Deadline) -> None:
        queues: dict[str, dict[str, Forward]] = {}
        for image, one in photos.items():
            queues.setdefault(one.queue_url, {})[image] = one
        jobs = {
            url: partial(self._messages.forward, url, [one.body for one in some.values()], deadline)
            for url, some in queues.items()
        }
        for url, sent in threads.run_all(jobs, deadline).items():
            refused = sent.value or {}
            for place, (image, one) in enumerate(queues[url].items()):
                report.outcomes[image] = Outcome(forwarded=one, error=sent.error or refused.get(place))

    def _put_rows(self, writes: Iterable[Write], threads: Threads, deadline: Deadline) -> dict[str, Exception]:
        """Write the rows of several images together; returns the images that miss some, with the reason."""
        parts = in_writes(row for write in writes for row in write.document.rows())
        jobs = {part: partial(self._storage.put_rows, part, deadline) for part in parts}
        failed: dict[str, Exception] = {}
        for part, put in threads.run_all(jobs, deadline).items():
            if put.error:
                failed |= dict.fromkeys((row.image_id for row in part), put.error)
        return failed

    def _commit(
        self, writes: dict[str, Write], threads: Threads, deadline: Deadline
    ) -> dict[str, JobResult[Committed | ConditionFailed]]:
        """Write the documents: new ones together, those that replace another (or meet one) each on condition."""
        ends: dict[str, JobResult[Committed | ConditionFailed]] = {}
        parts = list(in_statements(write for write in writes.values() if write.known is None))
        insertions = {number: partial(self._storage.insert, part, deadline) for number, part in enumerate(parts)}
        for number, inserted in threads.run_all(insertions, deadline).items():
            for write in parts[number]:
                if inserted.value is None:
                    ends[write.image_id] = JobResult(error=inserted.error)
                elif write.image_id in inserted.value:
                    ends[write.image_id] = JobResult(Committed(None))
        commits = {
            image: partial(self._storage.commit, write, deadline)
            for image, write in writes.items()
            if image not in ends
        }
        return ends | threads.run_all(commits, deadline)

    def classify_commit(
        self, write: Write, commit: JobResult[Committed | ConditionFailed]
    ) -> tuple[Outcome, list[Row]]:
        """Return what the result of a commit means, and the rows that no document backs after it."""
        end = commit.value
        if end is None:  # it may be done all the same
            return Outcome(error=commit.error), []
        if isinstance(end, Committed):
            stale = list(end.replaced.rows()) if end.replaced else []
            if write.unchanged:
                return Outcome(skip_reason=SkipReason.UP_TO_DATE), stale
            return Outcome(write=write, committed_at=self._now()), stale
        own = list(write.document.rows())
        if write.requested or end.winner is None:
            return Outcome(error=ChangedMeanwhileError()), own
        if end.winner.sequencer > write.document.sequencer:
            return Outcome(write=write, superseded=True), own
        is_purged = write.moment is not None and end.winner.was_purged_after(write.moment)
        return Outcome(skip_reason=SkipReason.PURGED if is_purged else SkipReason.DUPLICATE), own

    def _delete_rows(self, stale: list[Row], report: Report, threads: Threads, deadline: Deadline) -> None:
        """Clean up. A failure costs nothing but the rows' storage: no document backs them."""
        jobs = {part: partial(self._storage.delete_rows, part, deadline) for part in in_writes(stale)}
        for part, deletion in threads.run_all(jobs, deadline).items():
            if deletion.error:
                report.rows_left += [(image, deletion.error) for image in {row.image_id: row for row in part}]

    def _release(self, report: Report, threads: Threads, deadline: Deadline) -> None:
        """Delete claims that nobody needs any more. A failure costs nothing: they are taken over."""
        jobs = {one: partial(self._copies.release, *one, deadline) for one in report.outdated_claims}
        for release in threads.run_all(jobs, deadline).values():
            report.claim_error = report.claim_error or release.error

    def _finish(self, report: Report, threads: Threads, deadline: Deadline) -> None:
        """Dead-letter what is malformed once all else in its message is done; let failures come back later."""
        unfinished = {
            message.message_id: any(report.outcomes[event.image_id].error for event in message.events)
            for message in report.messages
        }
        malformed = {
            message.message_id: partial(self._messages.dead_letter, message, message.malformed, deadline)
            for message in report.messages
            if message.malformed and not unfinished[message.message_id]
        }
        for message_id, sent in threads.run_all(malformed, deadline).items():
            if sent.error:
                report.dead_letter_failures[message_id] = sent.error
                unfinished[message_id] = True
        report.failed = [message for message in report.messages if unfinished[message.message_id]]
        if report.failed:
            report.not_backed_off = self._messages.back_off(report.lane.queue_url, report.failed, deadline)
