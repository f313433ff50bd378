"""What goes out to people and systems beside the pages: the ledger of deliveries, letters, webhooks, inboxes."""
