"""What the REST faces of all apps share: keys, errors, pages, idempotency."""
