"""Split inference: a trained model answers terminals that keep their data. Of training it shares no code."""
