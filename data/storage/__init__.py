"""Reading and writing observations: files, archives, downloads, caches and locks."""
