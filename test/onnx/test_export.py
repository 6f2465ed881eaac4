"""Node tests, imported and exported again: the ONNX checker accepts them, and ONNX Runtime computes the same."""

import conformance
import onnx
import onnxruntime
import pytest

import fovea

NEWEST_OPSET_OF_ONNX_RUNTIME = 26


def session(model):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(model, inputs):
    """Outputs of ONNX Runtime, or None where it cannot run the model."""
    try:
        return session(model).run(None, inputs)
    except Exception:  # noqa: BLE001  ONNX Runtime has no type for "not implemented" alone
        return None


def feeds(test):
    names = [value.name for value in test.model.graph.input]
    return dict(zip(names, map(conformance.as_array, test.data_sets[0][0])))


def passes_full_check(model):
    """Whether the checker's shape inference copes with the original."""
    try:
        onnx.checker.check_model(model, full_check=True)
    except onnx.shape_inference.InferenceError:
        return False
    return True


class Exported(conformance.OnHost):
    """Runs a test on what its model was exported to."""

    def __init__(self, exported):
        self.exported = exported

    def run(self, model, inputs):
        return fovea.evaluate(self.exported, inputs)


def check_test(test):
    """Whether ONNX Runtime could compare; raises where the export is wrong."""
    exported = fovea.convert(test.model.SerializeToString())
    onnx.checker.check_model(exported, full_check=passes_full_check(test.model))
    conformance.run_test(test, Exported(exported))
    if onnx.load_from_string(exported).opset_import[0].version > NEWEST_OPSET_OF_ONNX_RUNTIME:
        return False
    expected = run(test.model.SerializeToString(), feeds(test))
    if expected is None:
        return False
    found = session(exported).run(None, feeds(test))
    for a, b in zip(expected, found, strict=True):
        conformance.compare(a, b, rtol=1e-5, atol=1e-6)
    return True


@pytest.fixture(scope="module")
def tests():
    ignores = conformance.read_ignores()
    return [test for test in conformance.load_tests() if conformance.ignored_by(test, ignores) is None]


def test_node_tests(tests):
    compared, failures = 0, []
    for test in tests:
        try:
            compared += check_test(test)
        except Exception as error:  # noqa: BLE001
            failures.append(f"{test.name}: {' '.join(str(error).split())[:300]}")
    assert not failures, "\n".join(failures)
    assert compared > 900
