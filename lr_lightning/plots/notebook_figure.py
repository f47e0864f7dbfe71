"""Figures that notebooks show when they are the value of a cell."""

import io

from matplotlib.figure import Figure


class NotebookFigure(Figure):
    """A figure that displays itself as PNG.

    Notebooks show plain figures only once pyplot has been imported, and figures that pyplot manages a second time at
    the end of the cell. This one is not managed by pyplot: it is shown if it is the value of a cell, and only then.
    """

    def _repr_png_(self) -> bytes:
        """Return the figure as a PNG file, which is what IPython asks for."""
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()
