"""Some thousand histories; and some mutations of the function, to see that histories notice what is wrong."""

from __future__ import annotations

import random

import pytest

from tests.histories import sabotage
from tests.histories.check import run
from tests.histories.sabotage import noticed_after

AT_A_TIME = 500
NOTICED_WITHIN = 1_000


@pytest.mark.parametrize("first", range(0, 3_000, AT_A_TIME))
def test_given_any_history_when_it_is_over_then_what_is_there_is_what_is_found(first: int) -> None:
    """The number of a history that fails is in its message; `python -m tests.histories 1 NUMBER` plays it again."""
    for seed in range(first, first + AT_A_TIME):
        try:
            run(seed)
        except AssertionError as error:
            raise AssertionError(f"history {seed}: {error}") from error


@pytest.mark.parametrize("seed", random.Random(0).sample(range(10**6), 20))
def test_given_a_number_when_its_history_is_played_twice_then_it_is_the_same(seed: int) -> None:
    def end() -> object:
        world = run(seed).world
        documents = [{**one, "CommitID": ""} for one in world.tables.plain("ImageLabels")]
        return world.time.now_s, documents, world.recognised, world.bucket.stacks

    assert end() == end()


@pytest.mark.parametrize(
    "mutation",
    [
        sabotage.every_document_is_written_over,
        sabotage.sequencers_are_compared_as_numbers,
        sabotage.sequencers_are_not_compared,
        sabotage.reconciliations_write_over_what_they_did_not_read,
        sabotage.rows_are_written_after_the_document,
        sabotage.rows_of_two_commits_share_their_keys,
        sabotage.rows_of_who_loses_stay,
        sabotage.rows_of_what_is_replaced_stay,
        sabotage.own_commits_are_taken_for_anothers,
        sabotage.removals_are_trusted,
        sabotage.only_etags_are_compared,
        sabotage.what_fails_is_done,
        sabotage.copies_are_of_whatever_their_original_is_now,
    ],
)
def test_given_a_mutation_of_the_function_when_histories_are_played_then_it_is_noticed(mutation: object) -> None:
    assert noticed_after(mutation, 0, NOTICED_WITHIN)  # type: ignore[arg-type]
