"""What a person sees: tables, summaries, and texts from outside that cannot do anything to a terminal."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, Self

from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Column, Table
from rich.text import Text

from photo_labels.library.auditing import Finding
from photo_labels.library.costs import PRICES
from photo_labels.library.importing.journal import End
from photo_labels.library.status import MINUTES

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

    from photo_labels.library.auditing import Audit, Problem
    from photo_labels.library.backfilling.backfill import Counts as BackfillCounts
    from photo_labels.library.backfilling.backfill import Place
    from photo_labels.library.backfilling.backfill import Progress as BackfillProgress
    from photo_labels.library.costs import Scan
    from photo_labels.library.failures import Failure, Redriven
    from photo_labels.library.importing.finding import Finder
    from photo_labels.library.importing.importer import Progress
    from photo_labels.library.importing.journal import File, Journal
    from photo_labels.library.purging import Purged
    from photo_labels.library.searching.searcher import Hit, Spent
    from photo_labels.library.status import Status
    from photo_labels.records.documents import Document


def safe(text: object) -> Text:
    """Show a text as it is, except what a terminal would obey; never read as markup."""
    plain = str(text)
    return Text("".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in plain))


def counted(number: int, noun: str) -> str:
    """A number of things: "1 photo", "2 photos"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def labels_of(document: Document, most: int = 6) -> str:
    """A document's surest labels in one line."""
    names = [f"{label['Name']} {label['Confidence']:.0f}" for label in document.labels[:most]]
    return ", ".join(names) or "nothing that is sure enough"


class ImportDisplay:
    """How far an import is, in one line; quiet where nobody watches."""

    def __init__(self, console: Console, *, is_dry: bool = False) -> None:
        self._is_dry = is_dry
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[details]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            disable=not console.is_terminal,
            transient=True,
            speed_estimate_period=60,
        )
        self._task = self._bar.add_task("finding", total=None, details="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def found(self, count: int) -> None:
        self._bar.update(self._task, completed=count, refresh=True)

    def show(self, progress: Progress) -> None:
        counts = progress.counts
        parts = [
            f"{counts.uploaded:,} {'to upload' if self._is_dry else 'uploaded'}",
            *(f"{counts.ends[end]:,} {end.value}" for end in End if counts.ends[end]),
            f"{counts.waiting:,} waiting",
        ]
        if progress.offline_s:
            parts = [f"no connection to AWS for {progress.offline_s:.0f} s"]
        speed = self._bar.tasks[self._task].speed
        if speed:
            parts.append(f"{speed:.1f}/s")
        self._bar.update(
            self._task,
            description="looking" if self._is_dry else "importing",
            total=counts.found,
            completed=counts.ended,
            details=", ".join(parts),
            refresh=True,
        )


def show_plan(console: Console, found: int, new: str, size: int, usd: float) -> None:
    """What an import is about to do; `new`: how many it uploads, in words."""
    cost = f", at about {usd:,.2f} USD ({PRICES})" if usd else ""
    amount = f", {size / 1e6:,.1f} MB{cost}" if size else ""
    console.print(f"{counted(found, 'photo')}, {new} to upload{amount}", highlight=False)


def show_summary(console: Console, journal: Journal, finder: Finder) -> None:
    """Numbers that add up, what was left alone, then every file that is not labelled, with its reason."""
    counts = journal.counts()
    always = set() if counts.ends[End.TO_UPLOAD] or counts.ends[End.UPLOADED] else {End.LABELLED, End.REJECTED}
    ends = [end for end in End if counts.ends[end] or end in always]
    parts = " + ".join(f"{counts.ends[end]:,} {end.value}" for end in ends)
    console.print(f"{counted(counts.found, 'photo')} = {parts}", highlight=False)
    known = [
        text
        for count, text in (
            (counts.there_before, f"{counts.there_before:,} in the bucket before"),
            (counts.copies, f"{counts.copies:,} with the content of another, which is in the bucket once"),
        )
        if count
    ]
    if known:
        console.print(f"of these {' and '.join(known)}", highlight=False)
    for what, count in finder.left_alone.items():
        console.print(f"{counted(count, 'other file')} left alone, {what}", highlight=False)
    if folders := finder.folders_left_alone:
        names = ", ".join(name if count == 1 else f"{name} ({count:,})" for name, count in folders.items())
        console.print(safe(f"{counted(folders.total(), 'folder')} left alone, hidden or a system's own: {names}"))
    seconds = journal.seconds()
    if seconds:
        console.print(f"upload to searchable: {spread(seconds)}", highlight=False)
    show_not_labelled(console, journal)


def show_not_labelled(console: Console, journal: Journal) -> None:
    """Every file that is not to be labelled any more, and why."""
    for file in journal.files(but_labelled=True):
        if file.end and file.end not in {End.UPLOADED, End.TO_UPLOAD}:
            console.print(Text(f"{file.end.value}: ") + safe(file.path), soft_wrap=True)
            console.print(Padding(safe(file.why), (0, 0, 0, 4)))


def spread(seconds: Sequence[float]) -> str:
    """Median, 95th percentile and worst."""
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return f"p50 {statistics.median(ordered):.2f} s, p95 {p95:.2f} s, max {ordered[-1]:.2f} s"


class StatusDisplay:
    """What a command is doing, in one line; quiet where nobody watches."""

    def __init__(self, console: Console, doing: str) -> None:
        self._console, self._doing = console, doing
        self._status = console.status(doing) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def tell(self, text: str) -> None:
        if self._status:
            self._status.update(safe(f"{self._doing}: {text}"))


class BackfillDisplay(StatusDisplay):
    """How far a backfill is."""

    def show(self, progress: BackfillProgress) -> None:
        counts = progress.counts
        full = (
            "" if progress.waiting is None else f"; {progress.waiting:,} messages wait, it goes on when fewer do"
        )
        self.tell(f"{counted(counts.objects, 'photo')}, {counts.wanted:,} to be labelled, at {progress.key}{full}")


def show_backfill(console: Console, place: Place, counts: BackfillCounts, usd: float) -> None:
    """What was found, and what labelling it costs."""
    parts = [f"{count:,} {finding.value}" for finding, count in counts.found.items()]
    fitting = counts.objects - sum(counts.found.values())
    console.print(
        safe(f"{place}: {counted(counts.objects, 'photo')}, {', '.join([*parts, f'{fitting:,} labelled'])}"),
        highlight=False,
    )
    if counts.left_alone:
        console.print(f"{counted(counts.left_alone, 'other file')} left alone, by name no photo", highlight=False)
    if usd:
        console.print(
            f"{counts.wanted:,} to be labelled, at about {usd:,.2f} USD ({PRICES})",
            highlight=False,
        )


class AuditDisplay(StatusDisplay):
    """What an audit has looked at so far."""

    def show(self, audit: Audit) -> None:
        self.tell(f"{_looked_at(audit)}; {sum(audit.found.values()):,} wrong")

    def list(self, problem: Problem) -> None:
        """Name one finding, on a line of its own."""
        row = f" {problem.row.label} {problem.row.rank}" if problem.row else ""
        self._console.print(
            safe(f"{problem.finding.value}:"), safe(f"{problem.bucket}/{problem.key}{row}"), soft_wrap=True
        )


def _looked_at(audit: Audit) -> str:
    return (
        f"{counted(audit.objects, 'photo')}, {counted(audit.documents.total(), 'document')}, "
        f"{counted(audit.rows, 'index row')}"
    )


def show_audit(console: Console, audit: Audit) -> None:
    """What was looked at, and a line for each kind of finding."""
    statuses = ", ".join(f"{count:,} {status}" for status, count in sorted(audit.documents.items()))
    console.print(f"{_looked_at(audit)}" + (f" ({statuses})" if statuses else ""), highlight=False)
    if audit.under_way:
        console.print(f"{audit.under_way:,} changed in the last minutes: under way", highlight=False)
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    for finding in Finding:
        table.add_row(f"{audit.found[finding]:,}", finding.value, style="red" if audit.found[finding] else "")
    console.print(table, highlight=False)


def purged_text(purged: Purged) -> str:
    """What is there, or was removed."""
    parts = [
        counted(purged.documents, "document"),
        counted(purged.rows, "index row"),
        *([counted(purged.messages, "message")] if purged.messages else []),
        *([f"{counted(purged.objects, 'object')} of {purged.size / 1e6:,.1f} MB"] if purged.objects else []),
    ]
    return ", ".join(parts)


def show_purged(console: Console, what: str, purged: Purged, objects: str | None) -> None:
    """What a purge is about, or what it did; `objects`: which of the photos themselves go, too."""
    console.print(f"{what}: {purged_text(purged)}", highlight=False)
    if purged.keys:
        console.print(safe(f"  {', '.join(purged.keys)} among them"), soft_wrap=True)
    if purged.spared:
        console.print(
            f"Nothing is known of {counted(purged.spared, 'other object')}: they stay, unless --all-objects says "
            "otherwise.",
            highlight=False,
        )
    if purged.under_way:
        then = "each becomes a note that it is gone" if objects else "they are labelled again: purge again"
        in_hand = counted(purged.under_way, "message")
        console.print(
            f"The functions have {in_hand} in hand. If those are about these photos, {then}.", highlight=False
        )


def show_failure(console: Console, failure: Failure) -> None:
    """One failure: what, when, how often; and why on a line of its own."""
    tried = f", received {counted(failure.tries, 'time')}" if failure.tries else ""
    console.print(
        Text(f"{failure.kind}, {failure.at:%Y-%m-%d %H:%M:%S}{tried}: ") + safe(failure.what), soft_wrap=True
    )
    console.print(Padding(safe(f"{failure.reason}: {failure.detail}"), (0, 0, 0, 4)))


def show_reasons(console: Console, counts: Counter[tuple[str, str]]) -> None:
    """How many failures there are of each kind and reason."""
    if not counts:
        console.print("There are no failures.")
        return
    table = Table(Column(justify="right"), "kind", "reason")
    for (kind, reason), count in counts.most_common():
        table.add_row(f"{count:,}", kind, safe(reason))
    console.print(table)


def show_redriven(console: Console, redriven: Redriven) -> None:
    """What was sent back, and what was not."""
    photos, messages = counted(redriven.photos, "rejected photo"), counted(redriven.messages, "dead letter")
    task = ", by SQS itself" if redriven.by_task else ""
    console.print(f"sent back: {photos}, {messages}{task}", highlight=False)
    for reason, count in redriven.left.most_common():
        console.print(Text(f"left: {counted(count, 'dead letter')}, ") + safe(reason))


def photos_table(photos: Iterable[tuple[File, Document | None]]) -> Table:
    """Each imported photo with its labels and how long it took."""
    table = Table("photo", "labels, with confidence in per cent", Column("seconds", justify="right"), expand=True)
    for file, document in photos:
        if document and document.status == "LABELLED":
            text = safe(labels_of(document))
        else:
            text = safe(f"{file.end.value if file.end else ''}: {file.why}")
        table.add_row(safe(file.path.name), text, "" if file.seconds is None else f"{file.seconds:.2f}")
    return table


def hits_table(hits: Sequence[Hit]) -> Table:
    """Search results, best first; a photo of several labels that were searched for has the one it was found by."""
    by = " / ".join(dict.fromkeys(hit.label for hit in hits))
    table = Table(Column(safe(by), justify="right"), "photo", "all its labels", expand=True)
    for hit in hits:
        table.add_row(f"{hit.confidence:.2f}", safe(hit.document.key), safe(labels_of(hit.document)))
    return table


def counts_table(counts: Mapping[str, int]) -> Table:
    """Labels with the number of their photos."""
    table = Table(Column("photos", justify="right"), "label")
    for name, count in counts.items():
        table.add_row(f"{count:,}", safe(name))
    return table


def status_table(status: Status) -> Table:
    """How the pipeline is."""
    counts, table = status.counts, Table.grid(padding=(0, 2))
    queues = {"photos": status.photos, "converting": status.converting}
    for name, queue in queues.items():
        table.add_row(name, f"{queue.waiting:,} waiting, {queue.in_hand:,} in hand or waiting for another try")
    dead = status.photos.dead + status.converting.dead
    table.add_row("dead letters", f"{dead:,}" + (": photos failures says why" if dead else ""))
    table.add_row("labelling", "on" if status.is_on else Text("paused: photos resume goes on", style="red"))
    table.add_row(
        f"last {MINUTES} minutes",
        f"{counts['ImagesLabelled']:,.0f} labelled, {counts['ImagesRejected']:,.0f} rejected, "
        f"{counts['ImagesRemoved']:,.0f} removed, {counts['ImagesHandedOver']:,.0f} handed over to be converted, "
        f"{counts['RecordsFailed']:,.0f} to be tried again",
    )
    table.add_row("rate", f"{status.photos_a_second:.1f} photos a second")
    quota = f" of {status.tps:g} ({status.calls_a_second / status.tps:.0%})" if status.tps else ""
    table.add_row(
        "Rekognition",
        f"{status.calls_a_second:.1f} calls a second{quota}, {counts['RekognitionThrottles']:,.0f} throttled",
    )
    if status.oldest_s is not None:
        table.add_row("oldest photo", f"{duration(status.oldest_s)} old when it was received")
    table.add_row("backlog", _backlog(status))
    for name, description in status.alarms.items():
        table.add_row(Text("alarm", style="red"), safe(f"{name}: {description}"))
    if not status.alarms:
        table.add_row("alarms", "none rings")
    return table


def _backlog(status: Status) -> str:
    if status.gone_in_s is None:
        return "not getting less"
    return f"gone in about {duration(status.gone_in_s)}" if status.gone_in_s else "none"


def duration(seconds: float) -> str:
    """A time that a person can grasp: "45 s", "12 min", "3.4 h", "2.1 days"."""
    for unit_s, name, digits in ((86_400, "days", 1), (3_600, "h", 1), (60, "min", 0)):
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:.{digits}f} {name}"
    return f"{seconds:.0f} s"


def show_scan(console: Console, scan: Scan, items: str, *, is_local: bool) -> None:
    """What reading a whole table takes."""
    cost = "" if is_local else f": {scan.units:,.0f} read units, about {scan.usd:,.4f} USD ({PRICES})"
    console.print(f"reading about {counted(scan.items, items)}{cost}", highlight=False)


def show_spent(console: Console, spent: Spent) -> None:
    """What a search has read."""
    console.print(
        f"read {counted(spent.rows, 'index row')} and {counted(spent.documents, 'document')}: "
        f"{spent.units:,.1f} read units",
        highlight=False,
    )


def show_document(console: Console, document: Document) -> None:
    """A document, and its labels as a table."""
    facts = Table.grid(padding=(0, 2))
    for name, value in {
        "image": document.image_id,
        "status": document.status,
        "reason": document.reason and f"{document.reason}: {document.detail}",
        "size": document.size and f"{document.size:,} bytes",
        "version": document.version_id,
        "uploaded": document.event_time,
        "labelled": document.labelled_at,
        "turned": document.orientation and document.orientation > 1 and f"EXIF orientation {document.orientation}",
        "model": document.label_model_version,
    }.items():
        if value:
            facts.add_row(name, safe(value))
    console.print(facts)
    if document.status == "LABELLED":
        console.print(_labels_table(document))


def _labels_table(document: Document) -> Table:
    table = Table(
        "label", Column("%", justify="right"), "parents", "categories", "box: left, top, width x height, %"
    )
    for label in document.labels:
        table.add_row(
            safe(label["Name"]),
            f"{label['Confidence']:.2f}",
            safe(", ".join(label["Parents"])),
            safe(", ".join(label["Categories"])),
            "\n".join(_box(instance["BoundingBox"]) for instance in label["Instances"]),
        )
    return table


def _box(box: dict[str, Any]) -> str:
    left, top, width, height = (round(float(box[side]) * 100) for side in ("Left", "Top", "Width", "Height"))
    return f"{left}, {top}, {width} x {height}"
