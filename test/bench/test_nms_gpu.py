import numpy as np
import onnx
import onnxruntime
from nms_gpu import Case


def overlap(one, other):
    least, most = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    common = np.prod(np.maximum(most - least, 0))
    return common / (np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - common)


def test_the_model_selects_what_a_detector_keeps():
    case = Case("small", 300, 3, 0.5, 0.4, 12)
    model, inputs = case.model(), case.inputs()
    onnx.checker.check_model(model)
    found = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, inputs)[0]
    boxes, scores = inputs["boxes"][0].astype(np.float64), inputs["scores"][0]
    for number in range(case.classes):
        kept: list[int] = []
        for place in np.argsort(-scores[number]):
            if scores[number, place] > case.score and len(kept) < case.limit and all(overlap(boxes[place], boxes[k]) <= case.overlap for k in kept):
                kept.append(place)
        assert found[found[:, 1] == number, 2].tolist() == kept and len(kept) > 3
