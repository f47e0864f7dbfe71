"""Lets tests import the scripts of ``benchmarks/`` in the same way as they import each other."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
