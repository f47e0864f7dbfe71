"""Train autoencoders and VAEs while latent-response assays watch them."""

__version__ = "0.1.0.dev0"
