"""For administrators: the queue and its workers."""
