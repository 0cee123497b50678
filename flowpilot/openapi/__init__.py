"""What drf-spectacular cannot see by itself: hooks that complete the schema, in the order of the settings."""
