"""The data sets, one a file, each with the record of what is known of it."""
