"""Which row of the W&B history belongs to a training step."""


class WandbRows:
    """Counts the rows of a W&B history, whose numbers, W&B's ``_step``, only ever grow.

    All that is logged at a training step goes into one row, numbered like the step. Where training steps go back, as in
    a test of the best checkpoint after training, rows go on. The numbers follow from the sequence of steps alone, so
    that a resumed run that logs the same again gives each row the same number.

    Attributes:
        last: Number of the last row, -1 before the first.
    """

    def __init__(self) -> None:
        self.last = -1
        self._step: int | None = None

    def row_of(self, step: int | None, at_least: int = 0) -> int:
        """Return the row for what is logged now.

        Args:
            step: Training step; ``None`` for a row of its own.
            at_least: The first number that is free, if somebody else logs to the same history.
        """
        if step is None or step != self._step or at_least > self.last:
            self.last = max(self.last + 1 if step is None else max(step, self.last + 1), at_least)
            self._step = step
        return self.last

    def skip_to(self, row: int) -> None:
        """Let rows begin behind ``row`` at least."""
        if row > self.last:
            self.last, self._step = row, None
