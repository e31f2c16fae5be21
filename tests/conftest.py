"""What all tests share."""

from hypothesis import HealthCheck, settings

# A busy machine must not make a law fail, so nothing here is judged by the clock.
settings.register_profile("annals", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("annals")
