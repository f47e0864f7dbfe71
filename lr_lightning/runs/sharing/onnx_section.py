"""The section of a model card on ONNX files: how to run them, and how far they differ from PyTorch."""

from collections.abc import Sequence

from lr_lightning.runs.sharing.markdown import table
from lr_lightning.runs.sharing.onnx_files import CODE, DECODER, ENCODER, NUM_COMPARED, OBSERVATION, OnnxFile

_RUNNING = """\
## How to run it without PyTorch

```python
import onnxruntime

encoder = onnxruntime.InferenceSession("{name}/{encoder}")
decoder = onnxruntime.InferenceSession("{name}/{decoder}")
{encoded} = encoder.run(None, {{"{observation}": observations}})  # float32 {shape}
[reconstructions] = decoder.run(None, {{"{code}": {code}}})
```

Batches have any size. Differences from PyTorch were measured in ONNX Runtime at {num} codes of the prior, at the
observations that these are decoded to, and at {num} of uniform noise; they are relative where values exceed 1:"""


def onnx_section(name: str, files: Sequence[OnnxFile]) -> str:
    """Return the section, nothing without files.

    Args:
        name: Name of the folder.
        files: The files in it.
    """
    if not files:
        return ""
    by_name = {file.name: file for file in files}
    encoder = by_name[ENCODER]
    text = _RUNNING.format(
        name=name,
        encoder=ENCODER,
        decoder=DECODER,
        encoded=", ".join(encoder.differences) if len(encoder.differences) > 1 else f"[{CODE}]",
        observation=OBSERVATION,
        shape=_shape(encoder.shapes[OBSERVATION]),
        code=CODE,
        num=NUM_COMPARED,
    )
    rows = [
        (f"`{file.name}`", f"`{output}`", _shape(file.shapes[output]), f"{difference:.1e}")
        for file in files
        for output, difference in file.differences.items()
    ]
    return f"{text}\n\n{table(('file', 'output', 'shape', 'largest difference'), rows)}"


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(['N', *map(str, shape)])})"
