"""Telling other programs that a report has ended: Standard Webhooks (standardwebhooks.com), ids and links alone."""
