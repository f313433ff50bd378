"""`python -m webapp.cli`: the same as `reportdesk`."""

from webapp.cli import main

main()
