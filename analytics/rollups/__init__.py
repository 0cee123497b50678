"""Counts of ended sessions, day by day, so that a year takes no longer to read than a week.

A rollup is never trusted beyond what it knows: each write that could change a day leaves a mark in its own transaction
(`marks`, by triggers), a marked day is counted directly (`read`), and a task counts marked days anew (`roll`). So a
number is exact at every moment, whether the task runs, lags or was killed.
"""
