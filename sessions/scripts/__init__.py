"""Scripts that a technician generates from reviewed templates, each value quoted for its shell."""
