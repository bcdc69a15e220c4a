import harness


def find_order(number: int) -> str:
    """The day on which an order is delivered."""
    if number != 7:
        raise harness.ToolError(f"there is no order {number}")
    return "Friday"
