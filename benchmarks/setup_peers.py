"""Create an environment for the peers that the benchmarks compare with.

    python benchmarks/setup_peers.py

disent 0.8.0 and pythae 0.1.2, the newest releases, install together with a current torch without any flags or pins.
disent warns that numba is missing; its data sets use it, its training does not. torch is pinned to the version of the
calling environment, so that all contestants train with the same one.
"""

import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

from measuring import benchmark_parser

PEERS = ("disent==0.8.0", "pythae==0.1.2")
DISENT, PYTHAE = (peer.replace("==", " ") for peer in PEERS)


def peers_python(folder: Path) -> Path:
    """Return the path of the interpreter of the peers' environment, which may not exist."""
    return folder.absolute() / "peers" / "bin" / "python"


def main() -> None:
    """Create the environment if it is missing; report what could not be installed."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--pip-option", action="append", default=[], help="e.g. --pip-option=--no-index")
    options = parser.parse_args()
    python = peers_python(options.folder)
    if not python.exists():
        venv.create(python.parents[1], with_pip=True)
    pinned = f"torch=={version('torch').split('+')[0]}"
    for peer in PEERS:
        command = [str(python), "-m", "pip", "install", "--quiet", *options.pip_option, peer, pinned]
        if subprocess.run(command).returncode:
            print(f"{peer} could not be installed; benchmarks will list it as missing", file=sys.stderr)


if __name__ == "__main__":
    main()
