"""Taking session records in. Every road ends in `store.sessions_ingest`: the import command, the API's lists and its
jobs."""
