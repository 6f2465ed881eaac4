def pytest_configure(config):
    config.conformance_lines = []


def pytest_terminal_summary(terminalreporter, config):
    for line in getattr(config, "conformance_lines", ()):
        terminalreporter.write_line(line)
