"""The scores as plain NumPy, for fitting, reports and as the measure of retention/expressions.py. Knows no framework."""
