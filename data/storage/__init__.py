"""Where images lie: files, archives, caches and locks."""
