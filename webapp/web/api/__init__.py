"""Small JSON answers for the pages' own controls."""
