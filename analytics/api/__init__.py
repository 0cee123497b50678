"""Metrics over the API: the pages' numbers, from the same functions."""
