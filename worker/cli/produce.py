def produce() -> None:
    pass
