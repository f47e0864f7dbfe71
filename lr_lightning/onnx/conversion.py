"""Converts a PyTorch module to ONNX."""

import re
import warnings
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from lr_lightning.common.checks import first_line
from lr_lightning.onnx.exportable import Exportable

_BATCH = "batch"
"""Name of a batch size that is left open."""
_OPERATOR = re.compile(r"OpOverload\(op='([\w.:]+)'")
"""How errors of the exporter name an operator."""
_FIXED_SIZE = f"Constraints violated ({_BATCH})"
"""How the exporter says that the batch size was used as a number."""


def to_onnx(exportable: Exportable, example: Tensor, *, any_batch_size: bool = False) -> bytes:
    """Return a module as a serialized ONNX model; within :func:`~lr_lightning.onnx.exportable.export_mode`.

    It has no traces of where it was made: the exporter's notes on the source code of each operator, with paths of this
    machine, are removed.

    Args:
        exportable: The module.
        example: An input ``(B, ...)`` float32 on the CPU. Only its shape matters.
        any_batch_size: Whether the batch size is left open; ``B`` must then be at least 2. Otherwise, it is ``B``.

    Raises:
        ValueError: If an operator has no ONNX form, the code of the module depends on values or on the batch size, or
            the weights are not float32. The message names the part of the model where this is known.
    """
    noun, otherwise = exportable.noun, exportable.otherwise
    weight = next((each for each in exportable.module.parameters() if each.is_floating_point()), None)
    if weight is not None and weight.dtype != torch.float32:
        raise ValueError(
            f"ONNX models are exported in float32, and the weights of the {noun} are {weight.dtype}; {otherwise}"
        )
    shapes = ({0: torch.export.Dim(_BATCH)},) if any_batch_size else None
    program = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter
            inputs = (example if weight is None else example.to(device=weight.device),)
            program = torch.export.export(exportable.module, inputs, dynamic_shapes=shapes, strict=False)
            return _serialized(program, exportable)
    except Exception as error:  # the exporter lets errors of all its parts pass
        reason = _reason(error, exportable.module, program)
        raise ValueError(f"the {noun} cannot be exported to ONNX: {reason}; {otherwise}") from error


def _serialized(program: torch.export.ExportedProgram, exportable: Exportable) -> bytes:
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    converted = torch.onnx.export(
        program,
        dynamo=True,
        verbose=False,
        input_names=[exportable.input],
        output_names=list(exportable.outputs),
    )
    assert converted is not None
    ClearMetadataAndDocStringPass()(converted.model)
    model = converted.model_proto
    _name_batch_size(model.graph)
    content: bytes = model.SerializeToString()
    return content


def _name_batch_size(graph: Any) -> None:
    """Rename the open batch size, to which the exporter gives a number, wherever it appears."""
    symbol = graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*graph.input, *graph.output, *graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if symbol and size.dim_param == symbol:
                size.dim_param = _BATCH


def _reason(error: Exception, module: nn.Module, program: torch.export.ExportedProgram | None) -> str:
    """Return what cannot be exported, and the part of the model that contains it if this is known."""
    chain = list(_chain(error))
    for each in chain:
        found = _OPERATOR.search(str(each))
        if found:
            used_by = _user(program, found[1])
            return f"there is no ONNX form of the operator {found[1]}" + (f", which {used_by} uses" if used_by else "")
    if any(_FIXED_SIZE in str(each) for each in chain):
        return "its code uses the batch size as a number (len(x) instead of x.shape[0] is enough)"
    place = _place_of_error(chain, module)
    return first_line(chain[-1]) + (f" (in {place})" if place else "")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, the one that caused it, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _user(program: torch.export.ExportedProgram | None, operator: str) -> str:
    """Return the innermost module that uses an operator, such as ``network.decoder.3 (Swish)``; empty if unknown."""
    for node in () if program is None else program.graph.nodes:
        if node.op == "call_function" and str(node.target).startswith(f"{operator}."):
            path, kind = list((node.meta.get("nn_module_stack") or {"": ("", "")}).values())[-1]
            return _described(path, kind if isinstance(kind, str) else kind.__name__)
    return ""


def _place_of_error(chain: list[BaseException], module: nn.Module) -> str:
    """Return the innermost module in whose code an error was raised; empty if there is none."""
    paths = {id(each): path for path, each in module.named_modules()}
    innermost: nn.Module | None = None
    for error in chain:
        for frame in _frames(error.__traceback__):
            found = frame.get("self")
            innermost = found if isinstance(found, nn.Module) and id(found) in paths else innermost
    return "" if innermost is None else _described(paths[id(innermost)], type(innermost).__name__)


def _frames(traceback: TracebackType | None) -> Iterator[dict[str, Any]]:
    """Yield the variables of each function call, the innermost last."""
    while traceback is not None:
        yield traceback.tb_frame.f_locals
        traceback = traceback.tb_next


def _described(path: str, kind: str) -> str:
    """Return how messages name a module of the model: by its path in the model, if it has one, and its class."""
    own, name = path.removeprefix("autoencoder").removeprefix("."), kind.rpartition(".")[2]
    if own:
        return f"{own} ({name})"
    return name if path else ""  # the model itself, or nothing but the module around it
