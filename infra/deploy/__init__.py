"""What runs beside us: a broker for this machine."""

from infra.deploy.broker import Broker, Unavailable

__all__ = ["Broker", "Unavailable"]
