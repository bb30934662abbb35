"""The demo year: a real retailer's year, replayed through the same doors as a shop's own data."""
