"""Tests of :mod:`lr_lightning.training.thread_choice`."""

import pytest

from lr_lightning.training.thread_choice import ThreadChoice, fewest
from lr_lightning.training.thread_trial import ThreadTrial

FASTER = {1: 4.0, 2: 2.1, 4: 1.2}
SAME = {1: b"a", 2: b"a", 4: b"a"}


@pytest.mark.parametrize(
    ("seconds", "number"),
    [({1: 1.0, 2: 1.0}, 1), ({1: 1.04, 2: 1.0}, 1), ({1: 1.06, 2: 1.0}, 2), ({1: 3.0, 2: 1.6, 4: 1.5, 8: 2.0}, 4)],
)
def test_the_fewest_that_are_about_as_fast_are_chosen(seconds: dict[int, float], number: int) -> None:
    assert fewest(seconds, seconds) == number
    assert ThreadChoice(ThreadTrial(seconds, dict.fromkeys(seconds, b""))).threads == number


def test_threads_are_given_up_at_once_and_taken_back_after_two_measurements() -> None:
    choice = ThreadChoice(ThreadTrial(FASTER, SAME))
    free = [4.0, 3.6, 3.4, 1.3, 4.0, 1.0, 4.0, 2.2, 4.0, 4.0]
    threads = [choice.review(each) for each in free]
    assert threads == [4, 4, 2, 1, 1, 1, 1, 2, 2, 4]


def test_threads_that_gain_nothing_are_not_taken() -> None:
    choice = ThreadChoice(ThreadTrial({1: 1.0, 2: 1.5}, {1: b"a", 2: b"a"}))
    assert [choice.review(2.0) for _ in range(4)] == [1] * 4


def test_numbers_with_other_results_are_never_taken() -> None:
    choice = ThreadChoice(ThreadTrial(FASTER, {1: b"a", 2: b"b", 4: b"b"}))
    assert choice.threads == 4
    assert choice.review(1.0) == 2  # one thread would round differently
    assert choice.is_crowded
    assert [choice.review(each) for each in (2.0, 4.0, 4.0)] == [2, 2, 4]
    assert not choice.is_crowded


def test_the_number_of_a_resumed_run_is_kept() -> None:
    choice = ThreadChoice(ThreadTrial(FASTER, {1: b"a", 2: b"b", 4: b"c"}), threads=2)
    assert [choice.review(each) for each in (4.0, 4.0, 4.0, 1.0)] == [2] * 4
    assert choice.is_crowded


def test_more_cores_than_were_tried_may_gain() -> None:
    choice = ThreadChoice(ThreadTrial({1: 2.0, 2: 1.0}, {1: b"a", 2: b"a"}))
    assert [choice.may_gain(free) for free in (1.0, 2.4, 2.5)] == [False, False, True]
