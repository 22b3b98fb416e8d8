"""Run many histories on all cores: python -m tests.histories N [SEED]."""

from __future__ import annotations

import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from loadtest.benchmarks.arguments import whole_number
from photo_labels.terminal import ending
from tests.histories.check import run

_NUMBER = 100_000
_AT_A_TIME = 200


def some(first: int, number: int) -> list[tuple[int, str]]:
    """Run the histories from a number on; give those that end wrong, and how."""
    wrong = []
    for seed in range(first, first + number):
        try:
            run(seed)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is shown with its number
            wrong.append(
                (
                    seed,
                    f"{type(error).__name__}: {error}"
                    if isinstance(error, AssertionError)
                    else traceback.format_exc(),
                )
            )
    return wrong


def main() -> None:
    number = whole_number(_NUMBER)
    seed = whole_number(0, "SEED", place=2, least=0)
    started = time.monotonic()
    kinds: Counter[str] = Counter()
    with ProcessPoolExecutor() as pool:
        begins = range(seed, seed + number, _AT_A_TIME)
        sizes = [min(_AT_A_TIME, seed + number - begin) for begin in begins]
        for wrong in pool.map(some, begins, sizes):
            for which, how in wrong:
                kinds[how.split(":")[0]] += 1
                print(f"{which}: {how}", flush=True)
    print(f"{number:,} histories, {sum(kinds.values()):,} ended wrong, {time.monotonic() - started:.0f} s")
    sys.exit(bool(kinds))


if __name__ == "__main__":
    ending.run(main, "histories")
