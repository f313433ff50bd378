"""What learning systems hand over: how each form is recognised and read. A source knows no database.

What cannot be read is told in one sentence that names the file (`SourceFileError`), or, for a single row or statement,
by its line (`Unread`). A file that is none of ours is named for what it looks like (`looks`).
"""
