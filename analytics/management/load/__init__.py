"""A large account for benchmarks, as a busy provider's looks: generated here, written by COPY."""
