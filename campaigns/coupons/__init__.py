"""Coupons: made unguessable, issued within their limits, redeemed once per order whatever happens at the same time."""
