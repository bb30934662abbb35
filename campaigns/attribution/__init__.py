"""Whether it worked: who bought within the window, treated against control."""
