"""Who the shop's members are and what they did: profiles, consents, orders, and the one way in for all of it."""
