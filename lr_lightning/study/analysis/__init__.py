"""What the tidy table of a study shows: functions from data frames to data frames."""
