"""Letters: who may get what, how it is written, and the mail server."""
