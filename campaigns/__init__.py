"""What we do about members we are losing, and whether it worked."""
