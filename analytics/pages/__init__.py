"""The dashboards: a module a page, each of cards and blocks in the same frame."""
