"""Reports: each a question, a definition with its formula, a count over the stored rows, and what the count says."""
