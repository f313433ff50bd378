"""Templates: questions that are kept to be asked again."""
