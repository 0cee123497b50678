"""Dashboards by email: who wants which, and sending each once when it is due."""
