"""What `signalbox setup` does: look around, choose models that fit, and write rules down."""
