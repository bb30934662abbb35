"""The lowest app: errors, periods, money, the registry and the library that REST faces share."""
