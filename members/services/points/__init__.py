"""Points: earned, released, redeemed, expired and taken back, each under the lock of the member's account."""
