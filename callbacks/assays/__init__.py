"""The assay callbacks, one per file, each with all its texts for reports and summaries."""
