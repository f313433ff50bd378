"""Questions that are kept to be asked again: saving, sharing, finding and using them; every version stays."""
