"""The monthly report: counting a month, keeping it, sending it."""
