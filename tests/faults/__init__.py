"""FlowPilot under load while its processes are killed and its stores stopped: `python -m tests.faults --help`."""
