"""What a link in a message opens: no login, a signed address says what it is for."""
