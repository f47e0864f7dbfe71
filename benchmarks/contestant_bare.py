"""A bare PyTorch loop on a tensor in memory: no Trainer, no logging, no validation.

Started by ``training.py`` and ``step_overhead.py``.
"""

import argparse

import torch
from plain_vae import as_float, make_task
from turns import Turns


def main() -> None:
    """Train until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=["dsprites", "shapes3d", "helix"], default="dsprites")
    parser.add_argument("--images", help="file of uint8 pixels")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--bfloat16", action="store_true", help="autocast")
    parser.add_argument("--channels-last", action="store_true", help="channels-last weights")
    parser.add_argument("--in-memory", action="store_true", help="read the whole file instead of mapping it")
    options = parser.parse_args()
    turns = Turns()
    model, observations, learning_rate = make_task(options.task, options.images)
    if options.in_memory:
        observations = observations.clone()
    if options.channels_last:
        model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    while True:
        batch = as_float(observations[torch.randint(len(observations), (options.batch_size,))])
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
            loss = model(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        turns.step()


if __name__ == "__main__":
    main()
