"""The assay callbacks, one per file, each with everything that reports and summaries say about it."""
