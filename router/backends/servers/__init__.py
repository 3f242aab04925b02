"""What model servers say of themselves, in the words of each."""
