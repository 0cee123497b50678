"""The metrics: one function and one definition (docs/metrics.md) each."""
