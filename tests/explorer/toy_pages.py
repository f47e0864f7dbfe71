"""Pages of linear models, whose observations and responses are known in closed form."""

import base64
import gzip
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lr_lightning.explorer.assembly import assemble

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ToyModel:
    """A linear model.

    Attributes:
        decoder: Shape ``(D, N)``; an observation is 0.5 plus the code times this.
        responder: Shape ``(D, D)``; a response is the code times this.
        shape: Shape of an observation.
    """

    decoder: Array
    responder: Array
    shape: tuple[int, ...]

    @property
    def latent_dim(self) -> int:
        return len(self.decoder)

    def observation(self, code: Any) -> Array:
        """Return the observation of a code, flat."""
        observation: Array = 0.5 + np.asarray(code, np.float64) @ self.decoder
        return observation

    def response(self, code: Any) -> Array:
        response: Array = np.asarray(code, np.float64) @ self.responder
        return response

    def pixels(self, code: Any) -> NDArray[np.int64]:
        """Return the observation of a code as red, green and blue bytes, shape ``(H, W, 3)``."""
        image = self.observation(code).reshape(self.shape)
        pixels: NDArray[np.int64] = np.rint(255 * image.clip(0, 1)).astype(np.int64).transpose(1, 2, 0)
        return pixels

    def onnx(self) -> bytes:
        """Return the model as the export writes it: input ``code``, outputs ``observation`` and ``response``."""
        from onnx import TensorProto, checker, helper, numpy_helper

        constants = {
            "decoder": self.decoder.astype(np.float32),
            "responder": self.responder.astype(np.float32),
            "half": np.array(0.5, np.float32),
            "shape": np.array([1, *self.shape], np.int64),
        }
        graph = helper.make_graph(
            [
                helper.make_node("MatMul", ["code", "decoder"], ["flat"]),
                helper.make_node("Add", ["flat", "half"], ["shifted"]),
                helper.make_node("Reshape", ["shifted", "shape"], ["observation"]),
                helper.make_node("MatMul", ["code", "responder"], ["response"]),
            ],
            "toy",
            [helper.make_tensor_value_info("code", TensorProto.FLOAT, [1, self.latent_dim])],
            [
                helper.make_tensor_value_info("observation", TensorProto.FLOAT, [1, *self.shape]),
                helper.make_tensor_value_info("response", TensorProto.FLOAT, [1, self.latent_dim]),
            ],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        checker.check_model(model)
        content: bytes = model.SerializeToString()
        return content


def image_model() -> ToyModel:
    """Return a model of 4 latents and images of 3 x 8 x 8 pixels, whose latent 3 is passive."""
    rng = np.random.default_rng(0)
    decoder = 0.12 * rng.standard_normal((4, 3 * 8 * 8))
    decoder[3] = 0
    responder = np.array([[0.9, 0.2, 0, 0], [0, 0.8, 0, 0], [-0.3, 0, 0.7, 0], [0, 0, 0, 0]])
    return ToyModel(decoder, responder, (3, 8, 8))


def vector_model() -> ToyModel:
    """Return a model of 2 latents and points in space."""
    return ToyModel(np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]]), 0.5 * np.eye(2), (3,))


def wide_model(latent_dim: int = 1024) -> ToyModel:
    """Return a model of many latents, of which the first 30 are active, and gray images of 4 x 4 pixels."""
    responder = np.diag([1.0] * 30 + [0.0] * (latent_dim - 30))
    return ToyModel(0.05 * np.random.default_rng(0).standard_normal((latent_dim, 16)), responder, (1, 4, 4))


def toy_data(model: ToyModel) -> dict[str, Any]:
    """Return the data object of a model, with every part of the page."""
    dim = model.latent_dim
    codes = np.random.default_rng(1).standard_normal((6, dim)).round(3)
    codes[0] = 0
    is_image = len(model.shape) == 3
    activity = np.abs(np.diag(model.responder))
    return {
        "format": 1,
        "title": "Toy",
        "subtitle": f"a linear model of {dim} latents",
        "version": "0",
        "engine": {"kind": "onnx", "model": base64.b64encode(gzip.compress(model.onnx())).decode()},
        "observation": {
            "kind": "image" if is_image else "vector",
            "shape": list(model.shape),
            **({} if is_image else {"names": ["x", "y", "z"]}),
        },
        "latents": [
            {
                "index": index,
                "name": f"latent {index}",
                "activity": float(activity[index]),
                "is_active": bool(activity[index] > 0),
                "low": -3.0,
                "high": 3.0,
                "mean": 0.0,
                "deviation": 1.0,
                "kl": None,
            }
            for index in range(dim)
        ],
        "start": codes[0].tolist(),
        "examples": [
            {
                "code": code.tolist(),
                "deviations": [0.1] * dim,
                "original": _png(model.pixels(code)) if is_image else model.observation(code).tolist(),
                "factors": {"color": place % 3, "size": place // 3},
            }
            for place, code in enumerate(codes)
        ],
        "factors": [
            {"name": "color", "size": 3, "values": ["red", "green", "blue"]},
            {"name": "size", "size": 2, "values": ["small", "large"]},
        ],
        "traversals": [{"factor": "color", "examples": [0, 1, 2]}, {"factor": "size", "examples": [1, 4]}],
        "response_matrix": _response_matrix(model),
        "conditioned_matrix": {
            "values": np.abs(model.responder[:2, : min(dim, 4)]).tolist(),
            "rows": ["color", "size"],
            "columns": list(range(min(dim, 4))),
            "caption": "Toy factors.",
        },
        "slices": [_slice(model, (0, 1)), *([_slice(model, (2, 0))] if dim > 2 else [])],
        "paths": [_path(model, codes[1], codes[2])],
        "samples": {"prior": codes[1:4].tolist(), "aggregate": codes[2:5].tolist(), "hybrid": codes[3:].tolist()},
        "scores": [
            {"name": "mig", "value": 0.5, "chance": 0.1, "ceiling": 0.9, "higher_is_better": True, "caution": ""},
            {"name": "dci", "value": None, "chance": None, "ceiling": None, "higher_is_better": True, "caution": "few"},
        ],
        "cautions": ["Toy scores mean nothing."],
        "notes": [],
    }


def toy_page(model: ToyModel, **changes: Any) -> str:
    """Return the page of a model, with some entries of its data object replaced."""
    return assemble("Toy", toy_data(model) | changes, runtime=True)


def _response_matrix(model: ToyModel) -> dict[str, Any]:
    shown = list(range(min(model.latent_dim, 64)))
    values = np.abs(model.responder[np.ix_(shown, shown)]).tolist()
    return {"values": values, "standard_errors": None, "latents": shown, "columns": shown, "caption": "Toy matrix."}


def _slice(model: ToyModel, latents: tuple[int, int]) -> dict[str, Any]:
    """Return the field of a linear response, whose divergence is a constant."""
    along = np.linspace(-3, 3, 7)
    part = (model.responder - np.eye(model.latent_dim))[np.ix_(latents, latents)]
    field = [[(np.array([x, y]) @ part).tolist() for y in along] for x in along]
    divergence = [[float(np.trace(part))] * 7 for _ in along]
    base = [0.0] * model.latent_dim
    axis = along.tolist()
    return {
        "latents": list(latents), "base": base, "xs": axis, "ys": axis, "field": field, "divergence": divergence
    }  # fmt: skip


def _path(model: ToyModel, start: Array, end: Array) -> dict[str, Any]:
    """Return a straight line, and a path that bends."""
    along = np.linspace(0, 1, 9)[:, None]
    straight = (1 - along) * start + along * end
    bent = straight + 0.5 * along * (1 - along)
    costs = {
        name: np.square(points @ model.responder - points).sum(axis=1).tolist()
        for name, points in (("straight_costs", straight), ("response_costs", bent))
    }
    ends = {"from": start.tolist(), "to": end.tolist()}
    return ends | costs | {"straight": straight.tolist(), "response": bent.tolist(), "caption": "Toy path."}


def _png(pixels: NDArray[np.int64]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8).squeeze()).save(buffer, format="png")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
