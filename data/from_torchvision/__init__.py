"""The data sets of torchvision: constructed, read once, and cached."""
