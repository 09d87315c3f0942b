"""What several tests stand on: an engine of their own, a checkout of their own, a stack used as a person would."""
