"""What is added up for each member, declared once; how it is computed is the business of services/facts.py."""
