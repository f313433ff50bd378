"""A person's notices; and taking oneself off a list of letters, which needs nobody signed in."""
