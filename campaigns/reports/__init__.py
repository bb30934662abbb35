"""What campaigns did and whether they worked: one alone, and several side by side."""
