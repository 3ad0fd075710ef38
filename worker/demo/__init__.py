"""The demo: broker, sandbox, producer and worker on this machine, and a verdict on what was shown."""

from worker.demo.run import DemoError, DemoOptions, load_settings, run_demo

__all__ = ["DemoError", "DemoOptions", "load_settings", "run_demo"]
