"""What we infer about members as of a date: facts, scores, segments."""
