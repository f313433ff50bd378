"""xAPI statements as files and record stores hand them over: 1.0.x and 2.0, in any shape that exporters write."""
