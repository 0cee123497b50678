"""Data protection: how long data is kept, how a person or a client is erased, how an account's data is handed out."""
