"""Quality of service: who sends how much, and when, on a hop whose rate is not without end."""
