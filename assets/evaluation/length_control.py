"""The win rate that an arm would have if its answers were as long as those of the baseline.

Judges prefer longer answers. AlpacaEval 2 (Dubois et al. 2024, arXiv 2404.04475, section 3) therefore fits a logistic
regression of the preference on a constant and on the difference in length, tanh(difference / its standard deviation
over the items), and predicts with the difference set to zero.

Simplified (ours): there is no term for the difficulty of the instruction, which needs the judgements of many models;
lengths are counted in words, not characters; the regression is fitted once, with a weak L2 penalty on the length
(C = 100), and not with an L1 penalty chosen by cross-validation. A tie counts as half a win and half a loss. Trainings
with several seeds are fitted together. There is no interval: in simulations of a judge that looks at length only,
chance moves the result by some 17 points (standard deviation) with 24 items, 10 with 96, and 5 with 400.

Worked example: an arm wins 3 of 4 items on which it is longer and 1 of 4 on which it is shorter, by as many words: its
win rate is 50 % both before and after. If it is longer on 8 of 12 items and wins 3 of 4 of those, and 1 of 4 of the
others, its win rate is 58 %, and 50 % at equal lengths.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PENALTY = 100.0
"""scikit-learn's C: the larger, the weaker the penalty."""


def controlled_win_rate(outcomes: Sequence[float], differences: Sequence[float]) -> float | None:
    """The win rate at equal lengths, from 0 to 1.

    `outcomes` are 1 for a win, 0 for a loss and 0.5 for a tie, `differences` the arm's words minus the baseline's, one
    of each per item and training. None where there is none, or where the difference is the same everywhere but not
    zero, so that its effect cannot be told from that of the arm.
    """
    if not outcomes:
        return None
    won, apart = np.array(outcomes, dtype=np.float64), np.array(differences, dtype=np.float64)
    spread = apart.std()
    if spread == 0 and apart[0] != 0:
        return None
    # Nothing to fit, or no finite fit: the rate is the same at every length.
    if spread == 0 or won.min() == won.max():
        return float(won.mean())
    from sklearn.linear_model import LogisticRegression  # takes a second to import

    length = np.tanh(apart / spread)[:, None]
    weights = np.concatenate([won, 1 - won])
    counted = weights > 0
    labels = np.repeat([1, 0], len(won))
    model = LogisticRegression(C=PENALTY, max_iter=1_000, tol=1e-8)
    model.fit(np.concatenate([length, length])[counted], labels[counted], sample_weight=weights[counted])
    return float(model.predict_proba([[0.0]])[0, 1])
