import conformance
import pytest


@pytest.fixture(scope="module")
def tests():
    return conformance.load_tests()


@pytest.mark.parametrize("backend", sorted(conformance.BACKENDS))
def test_conformance(backend, tests, request):
    ignores = conformance.read_ignores()
    counts, failures, unneeded = conformance.run_all(tests, conformance.BACKENDS[backend], ignores)
    line = f"conformance {backend}: {counts.passed} passed, {counts.ignored} ignored, {counts.failed} failed"
    request.config.conformance_lines.append(line)
    assert not failures, "\n".join(f"{name}: {str(error)[:300]}" for name, error in failures)
    # What the reference needs may yet succeed elsewhere, where roundings differ.
    assert backend != "reference" or not unneeded, f"ignores that no failing test needs: {', '.join(unneeded)}"
