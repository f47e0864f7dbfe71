"""A worker process of :class:`~lr_lightning.study.engines.local_engine.LocalEngine`."""

import os
import pickle
import signal
import sys
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import TypeAlias

from lr_lightning.study.engines.attempt import attempt
from lr_lightning.study.job import Job, Outcome, Work

Answer: TypeAlias = "tuple[Outcome, ...] | str | None"
"""What a worker sends: ``None`` when it has started, then the outcomes of each job, or a sentence why it is lost."""


def main(descriptor: int) -> None:
    """Do the jobs that arrive through a socket until the other end is closed.

    The first message is the module search path of the driver, the second one the work.

    Args:
        descriptor: File descriptor of the socket.
    """
    connection = Connection(descriptor)
    sys.path[:] = connection.recv()
    work: Work = pickle.loads(connection.recv_bytes())
    connection.send(None)
    jobs: SimpleQueue[Job] = SimpleQueue()
    threading.Thread(target=_receive, args=(connection, jobs), daemon=True).start()
    while True:
        connection.send(attempt(work, jobs.get()))


def _receive(connection: Connection, jobs: SimpleQueue[Job]) -> None:
    """Put arriving jobs into a queue; when the driver has closed the socket or died, end at once.

    It has a thread of its own, because a job must not go on when nobody waits for it any more.
    """
    while True:
        try:
            jobs.put(connection.recv())
        except (EOFError, OSError):
            os.killpg(0, signal.SIGKILL)  # this process leads a group with the processes that it has started


if __name__ == "__main__":
    main(int(sys.argv[1]))
