"""Reports that are made again and again: lists, one schedule's page, the form, upcoming runs."""
