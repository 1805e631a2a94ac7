"""What the platform runs between its socket and a Lambda handler in Python."""
