"""What an import makes of the record: its rows to Arrow, merged with those there, what follows from them, written."""
