"""The known data sets: what they hold, and where their files come from."""

from dataclasses import dataclass
from difflib import get_close_matches

from lr_lightning.data.dsprites_factors import DSPRITES_FACTORS
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.shapes3d_factors import SHAPES3D_FACTORS


@dataclass(frozen=True)
class PublicFile:
    """A file to fetch.

    Attributes:
        path: Where it belongs, under the folder for data sets.
        url: Its address.
        md5: Its checksum.
    """

    path: str
    url: str
    md5: str


@dataclass(frozen=True)
class DataSetRecord:
    """What is known of a data set before it is opened.

    Attributes:
        name: Name on the command line and of the opened set.
        title: One line that says what the observations are.
        class_path: The class that opens it, for configuration files.
        num_samples: Number of observations, over all splits.
        image_shape: Shape of one observation.
        factor_space: Its factors.
        licence: Terms of the observations.
        files: Files that have to be fetched; none for sets made by this package.
        rendered_path: Where ``lr-lightning data render`` puts a rendered set, under the folder for data sets.
        twin: Name of the rendered twin of a public set, or of the public set a rendered one stands for.
    """

    name: str
    title: str
    class_path: str
    num_samples: int
    image_shape: tuple[int, ...]
    factor_space: FactorSpace
    licence: str
    files: tuple[PublicFile, ...] = ()
    rendered_path: str | None = None
    twin: str | None = None


_DIGITS = FactorSpace(["label"], [10])
_IDX_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
_DSPRITES_FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5"


def _idx_files(folder: str, mirror: str, md5s: tuple[str, ...]) -> tuple[PublicFile, ...]:
    return tuple(
        PublicFile(f"{folder}/{name}", f"{mirror}/{name}", md5) for name, md5 in zip(_IDX_FILES, md5s, strict=True)
    )


CATALOGUE = (
    DataSetRecord(
        name="shapes3d",
        title="3DShapes: an object in a room",
        class_path="lr_lightning.data.Shapes3D",
        num_samples=len(SHAPES3D_FACTORS),
        image_shape=(3, 64, 64),
        factor_space=SHAPES3D_FACTORS,
        licence="Apache-2.0",
        files=(
            PublicFile(
                "3dshapes.h5",
                "https://storage.googleapis.com/3d-shapes/3dshapes.h5",
                "099a2078d58cec4daad0702c55d06868",
            ),
        ),
        twin="rendered_shapes3d",
    ),
    DataSetRecord(
        name="rendered_shapes3d",
        title="3DShapes, rendered anew: no file needed, but not the published images",
        class_path="lr_lightning.data.RenderedShapes3D",
        num_samples=len(SHAPES3D_FACTORS),
        image_shape=(3, 64, 64),
        factor_space=SHAPES3D_FACTORS,
        licence="MIT",
        rendered_path="rendered_3dshapes.h5",
        twin="shapes3d",
    ),
    DataSetRecord(
        name="dsprites",
        title="dSprites: a white sprite on black",
        class_path="lr_lightning.data.DSprites",
        num_samples=len(DSPRITES_FACTORS),
        image_shape=(1, 64, 64),
        factor_space=DSPRITES_FACTORS,
        licence="zlib/libpng",
        files=(
            PublicFile(
                _DSPRITES_FILE,
                f"https://raw.githubusercontent.com/google-deepmind/dsprites-dataset/master/{_DSPRITES_FILE}",
                "b331c4447a651c44bf5e8ae09022e230",
            ),
        ),
        twin="rendered_dsprites",
    ),
    DataSetRecord(
        name="rendered_dsprites",
        title="dSprites, drawn anew: no file needed, but not the published images",
        class_path="lr_lightning.data.RenderedDSprites",
        num_samples=len(DSPRITES_FACTORS),
        image_shape=(1, 64, 64),
        factor_space=DSPRITES_FACTORS,
        licence="MIT",
        rendered_path="rendered_dsprites.h5",
        twin="dsprites",
    ),
    DataSetRecord(
        name="mnist",
        title="MNIST: handwritten digits",
        class_path="lr_lightning.data.MNIST",
        num_samples=70_000,
        image_shape=(1, 32, 32),
        factor_space=_DIGITS,
        licence="CC-BY-SA-3.0",
        files=_idx_files(
            "mnist",
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            (
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "9fb629c4189551a2d022fa330f9573f3",
                "ec29112dd5afa0611ce80d1b7f02629c",
            ),
        ),
    ),
    DataSetRecord(
        name="fashion_mnist",
        title="Fashion-MNIST: articles of clothing, in the files of MNIST",
        class_path="lr_lightning.data.MNIST",
        num_samples=70_000,
        image_shape=(1, 32, 32),
        factor_space=_DIGITS,
        licence="MIT",
        files=_idx_files(
            "fashion_mnist",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            (
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "25c81989df183df01b3e8a0aad5dffbe",
                "bef4ecab320f06d8554ea6380940ec79",
                "bb300cfdad3c16e7a12a480ee83cd310",
            ),
        ),
    ),
    DataSetRecord(
        name="double_helix",
        title="Points on two intertwined helices, generated from a seed",
        class_path="lr_lightning.data.DoubleHelix",
        num_samples=1024,
        image_shape=(3,),
        factor_space=FactorSpace(["strand"], [2]),
        licence="MIT",
    ),
)


def find_record(name: str) -> DataSetRecord:
    """Return the record of set ``name``.

    Raises:
        KeyError: If there is none; the message lists the names and suggests the nearest.
    """
    names = [record.name for record in CATALOGUE]
    if name in names:
        return CATALOGUE[names.index(name)]
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    suggestion = f" (did you mean {near[0]}?)" if near else ""
    raise KeyError(f"no data set {name!r}{suggestion}; the data sets are {', '.join(names)}")
