"""What came, went and changed between two reports of one question, and why."""
