"""Score code tables on request, with the package of a given folder; started by scores.py.

    python benchmarks/contestant_scores.py FOLDER THREADS

Each line of input is a JSON object with the name of a function below and its arguments; each line of output is the
result, with the seconds that it took.
"""

import json
import sys
import time
import warnings
from typing import Any


def dci(num_train: int, num_test: int, num_trees: int, factors: list[int], estimator: str) -> dict[str, float]:
    """Return the scores of the codes of ``dci.py``."""
    from dci import codes_of_dsprites

    from lr_lightning.metrics.core.sample import Sampling
    from lr_lightning.metrics.dci import dci

    codes, labels = codes_of_dsprites(num_train + num_test)
    result = dci(
        codes,
        labels[:, factors],
        estimator=estimator,  # type: ignore[arg-type]
        num_trees=num_trees,
        sampling=Sampling(num_train, num_test),
    )
    return {name.removeprefix(f"dci_{estimator}_"): score.value for name, score in result.scores.items()}


def suite(metrics: list[str]) -> dict[str, float]:
    """Return the values, without chance and ceilings, of the codes of ``disentanglement_suite.py``."""
    from disentanglement_suite import code_table

    from lr_lightning.metrics import DisentanglementSuite

    table = DisentanglementSuite(metrics, levels="none").run(*code_table())
    return {row.name: row.value for row in table.rows}


def main() -> None:
    """Answer requests until the input ends."""
    folder, threads = sys.argv[1:]
    sys.path.insert(0, folder)
    import torch

    torch.set_num_threads(int(threads))
    warnings.simplefilter("ignore")
    functions: dict[str, Any] = {"dci": dci, "suite": suite}
    for line in sys.stdin:
        request = json.loads(line)
        function = functions[request.pop("function")]
        start = time.perf_counter(), time.process_time()
        values = function(**request)
        seconds, processor = time.perf_counter() - start[0], time.process_time() - start[1]
        print(json.dumps({"seconds": seconds, "processor": processor, "values": values}), flush=True)


if __name__ == "__main__":
    main()
