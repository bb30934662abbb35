"""What the project runs itself with: private servers, the full stack on one machine."""
