"""The sample account: people, published flows and sessions to try FlowPilot with. No Django here."""
