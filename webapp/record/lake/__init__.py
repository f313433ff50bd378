"""The record's files: Delta tables and their versions, DuckDB over them, Parquet by month."""
