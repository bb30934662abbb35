"""The rule language: a library that knows no app. Only `rules.compile` knows Django."""
