"""What the documentation points at is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("corpus/*.md"),
        *ROOT.glob("samples/*.md"),
        *ROOT.glob("local/**/*.md"),
    )
)
OF_THE_TREE = (
    "chaos",
    "corpus",
    "docs",
    "handler",
    "infra",
    "loadtest",
    "local",
    "photo_labels",
    "requirements",
    "smoke",
    "tests",
)


def text_of(path: Path) -> str:
    """Return a page without its code blocks: what is printed there links to nothing."""
    return re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors_of(path: Path) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_given_a_page_when_its_relative_links_are_followed_then_files_and_anchors_exist(page: str) -> None:
    path = ROOT / page
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(path)):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        if not file.exists() or (anchor and anchor not in anchors_of(file)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES)
def test_given_a_page_when_it_names_a_path_of_the_tree_then_that_is_there(page: str) -> None:
    named = re.findall(rf"(?<![\w./-])(?:{'|'.join(OF_THE_TREE)})/[\w./-]*", text_of(ROOT / page))
    assert [name for name in named if not (ROOT / name.rstrip(".")).exists()] == []


def test_given_the_readme_when_counted_then_it_is_two_screens() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_given_the_docs_when_listed_then_the_readme_leads_to_each() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page for page in PAGES if re.fullmatch(r"docs/[\w-]+\.md", page) and f"]({page})" not in readme] == []


def test_given_make_help_when_read_then_each_target_is_in_a_group_and_lines_fit_80_columns() -> None:
    command = ["make", "--no-print-directory", "help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    assert [line for line in told.splitlines() if len(line) > 80] == []
    usage, *groups = told.split("\n\n")
    assert "make demo PHOTOS=" in usage
    listed = [line.split()[1] for group in groups for line in group.splitlines()[1:]]
    assert all(re.fullmatch(r"[A-Z][A-Za-z, ]+\n(  make .+\n?)+", group) for group in groups)
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony
    targets = set(phony[1].replace("\\", " ").split())
    assert sorted(listed) == sorted(targets - {"help", "setup", "emulator"})


TIMES = "\N{MULTIPLICATION SIGN}"


def test_given_what_it_costs_when_worked_out_then_the_figures_are_those_printed() -> None:
    page = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    section = page.split("## What it costs")[1].split("\n## ")[0]
    sums = re.findall(rf"((?:[\d.,]+ [{TIMES}/] )+[\d.,]+)\s+= ([\d.]+\d)", section)
    assert len(sums) >= 15
    for sum_, printed in sums:
        value, operator = 1.0, TIMES
        for part in sum_.replace(",", "").split():
            if part in {TIMES, "/"}:
                operator = part
            else:
                value = value * float(part) if operator == TIMES else value / float(part)
        places = len(printed.partition(".")[2])
        assert abs(value - float(printed)) <= 0.51 * 10**-places, f"{sum_} is {value}, not {printed}"
    thousand = section.split("**A thousand photos**")[1].split("**Each month besides**")[0]
    assert f"{sum(float(one) for one in re.findall(r'= ([0-9.]+) [|]', thousand)):.2f}" == "1.03"
    idle = section.split("**An idle month**")[1].split("**A thousand")[0]
    assert f"{sum(float(one) for one in re.findall(r'= ([0-9.]+) [|]', idle)):.1f}" == "4.6"
