"""Typed settings from one TOML file and the environment; every fault reported at once."""

from worker.settings.faults import Fault, SettingsError
from worker.settings.load import load
from worker.settings.sections import Settings

__all__ = ["Fault", "Settings", "SettingsError", "load"]
