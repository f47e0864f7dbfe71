"""Studies: many runs of one design, their scores in one table, and what the table shows."""
