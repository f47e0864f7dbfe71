"""Boosting in several threads."""

import numpy as np
import torch

from lr_lightning.metrics.core.dci_boosting import fit_boosted_trees, rank_codes


def test_a_thread_whose_values_are_not_split_takes_the_same_steps() -> None:
    """The last value is as frequent for both codes, so that its tree never splits, but its probability changes."""
    codes = np.repeat([[0.0], [1.0]], 18, axis=0)
    factor = np.array([2] * 8 + [0] * 9 + [1] + [2] * 8 + [1] * 9 + [0])
    ranked, threads = rank_codes(codes, 255), torch.get_num_threads()
    predicted = []
    try:
        for number in (1, 3):
            torch.set_num_threads(number)
            predicted.append([fit_boosted_trees(ranked, factor, rounds, 255).fitted for rounds in range(1, 20)])
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(predicted[0], predicted[1])
    assert {2, 0} == {int(each[0]) for each in predicted[0]}
