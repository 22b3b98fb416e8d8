"""What goes wrong for a person at the command line."""


class UserError(Exception):
    """Says in one sentence what is wrong and what to do about it; shown without a traceback, exit code 2."""
