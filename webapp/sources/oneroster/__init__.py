"""OneRoster 1.1 and 1.2 CSV bundles (a folder or a zip), bulk and delta, as rostering systems really write them."""
