"""The assay callbacks, one a file, each with everything that is said of it."""
