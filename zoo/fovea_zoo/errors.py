"""The error that verbs raise for what their user can put right."""


class UserError(Exception):
    """Says what was expected, what was found, and what to do next; the command line prints it without a traceback."""
