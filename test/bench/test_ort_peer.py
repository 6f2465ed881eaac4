import onnx
import pytest
from ort_peer import SETTINGS, Setting, fastest, halved


def test_the_fastest_that_works_is_kept_and_the_others_are_closed():
    seconds, closed = {"a": 3, "b": None, "c": 2, "d": 4}, []

    def opened(setting):
        if seconds[setting] is None:
            raise ValueError("cannot be recorded")
        return setting.upper()

    took = lambda session: seconds[session.lower()]
    assert fastest("abcd", opened, took, closed.append) == ("c", "C") and closed == ["A", "D"]
    with pytest.raises(ValueError, match="cannot be recorded"):
        fastest("b", opened, took, closed.append)


def test_settings_differ_and_say_so():
    assert len({str(setting) for setting in SETTINGS}) == len(SETTINGS)
    options = Setting("EXHAUSTIVE", channels_last=False).options(tf32=True)
    assert options["use_tf32"] == "1" and options["prefer_nhwc"] == "0" and options["cudnn_conv_algo_search"] == "EXHAUSTIVE"


@pytest.mark.parametrize("half_resize, casts", [(True, 7), (False, 21)])
def test_resize_runs_in_half_or_between_casts(half_resize, casts):
    from catalog import NETWORKS
    from fill import fill

    model = halved(fill(NETWORKS["swiftnet_r18_512x1024"], "small"), Setting(half_resize=half_resize))
    assert sum(node.op_type == "Cast" for node in model.graph.node) == casts
    assert all(value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT16 for value in (*model.graph.input, *model.graph.output))
