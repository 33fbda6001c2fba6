"""Small models behind raw ids."""

import dataclasses

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import tfxdr.backbones
import tfxdr.policies
import tfxdr.policy_networks
import tfxdr.tuners  # noqa: F401
from tfxdr.losses.sampled import BayesianPersonalizedRanking
from tfxdr.models.joint import JointModel
from tfxdr.models.transfer import TransferModel
from tfxdr.registry import backbones, policies, policy_networks, tuners
from tfxdr.serving import JointServable, Retrieval, TransferServable
from tfxdr.training.assembly import Parts, build_model
from tfxdr.types import FIRST_ITEM, Items, JointSizes

# The domains share c to f.
SOURCE = ["a", "b", "c", "d", "e", "f"]
TARGET = ["c", "d", "e", "f", "gü", "h", "i"]
COUNTS = np.array([0, 0, 9, 1, 5, 7, 0, 3, 2])
HISTORIES = [["a", "c", "e"], ["b"], ["f", "e", "d", "c", "b", "a", "f"]]
MAX_HISTORY = 5
BACKBONE = "nextitnet(channels=8,dilations=[1,2,4,8])"


# Of TensorFlow's core, which every server has. What is not here has to be
# looked up before it is added: a server without it cannot load the model.
CORE_OPS = """
    AddV2 All Any AssignVariableOp BatchMatMulV2 BatchToSpaceND BiasAdd
    BitwiseXor Case Cast ConcatV2 Const Conv2D Cumsum DisableCopyOnRead
    DynamicPartition DynamicStitch Einsum EnsureShape Equal Erf Erfc ExpandDims
    Fill FloorDiv FloorMod GatherNd GatherV2 Greater GreaterEqual HashTableV2
    Identity IdentityN Less LogicalAnd LogicalNot LogicalOr LookupTableFindV2
    LookupTableImportV2 MatMul MatrixBandPart Max Maximum Mean
    MergeV2Checkpoints Min Minimum Mul Neg NoOp NotEqual OnesLike Pack Pad PadV2
    Placeholder Prod Range ReadVariableOp RealDiv Relu Reshape ResourceGather
    RestoreV2 RightShift Rsqrt SaveV2 Select SelectV2 Shape ShardedFilename
    Sigmoid Slice Softmax SpaceToBatchND Split SplitV Square SquaredDifference
    Squeeze StatefulPartitionedCall StaticRegexFullMatch StopGradient
    StridedSlice StringJoin Sub Sum Tanh TensorListFromTensor TensorListGetItem
    TensorListReserve TensorListSetItem TensorListStack TensorScatterUpdate Tile
    TopKV2 Transpose Unpack VarHandleOp Where While ZerosLike
""".split()


@dataclasses.dataclass
class Transfer:
    """What a test may look into."""

    model: TransferModel
    servable: TransferServable

    def scores(self, history):
        """What the model says of a history: raw target id to score."""
        rows = [SOURCE.index(raw) + FIRST_ITEM for raw in history]
        found = self.model(np.array([rows], np.int32))[0, FIRST_ITEM:]
        return dict(zip(TARGET, found.numpy().tolist(), strict=True))


def transfer(
    policy="gumbel",
    backbone=BACKBONE,
    pooling="last",
    target=TARGET,
    **retrieval,
):
    size = len(target) + FIRST_ITEM
    parts = Parts(
        backbones.parse(backbone),
        policies.build(policy),
        policy_networks.parse("nextitnet"),
        tuners.build("copy"),
        BayesianPersonalizedRanking(),
    )
    model = build_model(
        parts,
        num_source_items=len(SOURCE) + FIRST_ITEM,
        num_target_items=size,
        pooling=pooling,
        train_embeddings="auto",
        top_k=5,
        pretrained=None,
        seed=3,
        network_options={"pooling": pooling},
    )
    # Weights so large that a broken mask, route or id cannot hide.
    random = np.random.default_rng(5)
    for variable in model.variables:
        variable.assign(random.normal(0.0, 0.6, variable.shape))
    servable = TransferServable(
        model,
        source_ids=SOURCE,
        target_ids=target,
        counts=np.resize(COUNTS, size),
        max_history=MAX_HISTORY,
        examples=HISTORIES,
        retrieval=Retrieval(**{"k_max": 4} | retrieval),
    )
    return Transfer(model, servable)


USERS = ["ann", "bob", "cem"]


def joint(
    backbone="conet(embedding_size=4,hidden=[8,4])", ranks=False, **options
):
    sizes = JointSizes(
        users=len(USERS) + FIRST_ITEM,
        source_items=len(SOURCE) + FIRST_ITEM,
        target_items=len(TARGET) + FIRST_ITEM,
        source_categories=4,
        target_categories=3,
    )
    tf.keras.utils.set_random_seed(4)
    model = JointModel(
        backbones.parse(backbone).build(sizes=sizes),
        counts=COUNTS if ranks else None,
    )
    random = np.random.default_rng(6)
    for variable in model.variables:
        variable.assign(random.normal(0.0, 0.4, variable.shape))
    return JointServable(
        model,
        user_ids=USERS,
        target_ids=TARGET,
        source=Items(np.array([3, 0, 7]), np.array([2, 0, 3])),
        category=np.array([0, 0, 2, 2, 1, 2, 1, 1, 2]),
        counts=COUNTS,
        examples=USERS,
        **{"k_max": 4} | options,
    )


def strings(rows):
    return tf.constant(rows, tf.string)


def ops(folder):
    """Names of the ops in a SavedModel's graph and functions."""
    content = (folder / "saved_model.pb").read_bytes()
    (graph,) = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    graph = graph.graph_def
    nodes = [
        *graph.node,
        *(n for f in graph.library.function for n in f.node_def),
    ]
    own = {function.signature.name for function in graph.library.function}
    return {node.op for node in nodes} - own
