"""What the rendered data sets are drawn with."""
