"""``lr-lightning fit``, ``validate``, ``test`` and ``predict``."""
