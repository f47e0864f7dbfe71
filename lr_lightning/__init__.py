"""Train autoencoders and VAEs, and measure their latent spaces with interventional assays."""

__version__ = "0.1.0.dev0"
