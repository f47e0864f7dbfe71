"""Assigns training steps to rows of the W&B history."""


class WandbRows:
    """Numbers the rows of a W&B history; the numbers, W&B's ``_step``, only increase.

    Everything logged at a training step goes into one row, whose number is the step. Where the training step decreases,
    as in a test of the best checkpoint after training, row numbers keep increasing. They depend only on the sequence of
    steps, so a resumed run that logs the same steps again assigns the same numbers.

    Attributes:
        last: Number of the last row, -1 before the first.
    """

    def __init__(self) -> None:
        self.last = -1
        self._step: int | None = None

    def row_of(self, step: int | None, at_least: int = 0) -> int:
        """Return the row for values logged now.

        Args:
            step: Training step; ``None`` for a separate row.
            at_least: The first free number, if other code logs to the same history.
        """
        if step is None or step != self._step or at_least > self.last:
            self.last = max(self.last + 1 if step is None else max(step, self.last + 1), at_least)
            self._step = step
        return self.last

    def skip_to(self, row: int) -> None:
        """Continue after ``row``, unless rows are already beyond it."""
        if row > self.last:
            self.last, self._step = row, None
