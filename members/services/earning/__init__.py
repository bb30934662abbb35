"""Earning: rules as people edit them, and what orders, events, profiles and birthdays earned by them."""
