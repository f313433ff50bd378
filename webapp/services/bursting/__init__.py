"""Reports that are made in parts, too: which parts there are, who gets which, and making them once."""
