"""Campaigns, coupon templates and coupons over REST."""
