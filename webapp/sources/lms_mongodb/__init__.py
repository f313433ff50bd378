"""A learning management system's MongoDB, read in place by a mapping (YAML): our table <- its collection.

Read-only in every way: no write, no index, no collection. `mapping` says what is read, `read` makes rows of documents,
`incremental` reads only what has changed, `check` tells whether a mapping fits a database.
"""

#: What the rows of an LMS's MongoDB say they are from.
SOURCE = "lms"
