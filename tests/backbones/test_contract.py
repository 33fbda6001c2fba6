"""What tfxdr's own sequential backbones keep beside the public contract."""

import numpy as np
import pytest
import tensorflow as tf

import tfxdr.backbones  # noqa: F401
from tfxdr.layers.target_head import TargetHead
from tfxdr.models.pretrain import PretrainModel
from tfxdr.registry import backbones

NUM_ITEMS = 20
TEXTS = [
    "bert4rec(channels=8,mask_prob=0.5)",
    "gru4rec(channels=8,num_blocks=2)",
    "hstu(channels=8,num_heads=2)",
    "nextitnet(channels=8,dilations=[1,2,4,8])",
    "sasrec(channels=8,num_heads=2)",
]
HISTORY = tf.constant([[0, 0, 0, 9, 3], [2, 3, 4, 5, 6], [7, 8, 9, 2, 3]])


@pytest.fixture(params=TEXTS, ids=lambda text: text.partition("(")[0])
def backbone(request):
    tf.keras.utils.set_random_seed(3)
    made = backbones.build(request.param, num_items=NUM_ITEMS)
    made(tf.zeros([1, 1], tf.int32))
    return made


def test_only_dropout_and_masking_are_random(backbone):
    one, other = (
        backbone.pretraining(HISTORY, tf.constant([seed, 4]))[0]
        for seed in (3, 5)
    )
    config = backbone.get_config()
    is_random = config["dropout"] > 0 if "dropout" in config else False
    same = one.shape == other.shape and np.array_equal(one, other)
    assert same != is_random


def test_there_is_one_table_of_items_beside_a_head_of_its_own(backbone):
    model = PretrainModel(backbone, NUM_ITEMS)
    model(tf.zeros([1, 1], tf.int32))
    shape = [backbone.embedding.input_dim, 8]
    tables = [v for v in model.variables if v.shape.as_list() == shape]
    assert len(tables) == 1 + isinstance(model.head, TargetHead)


def test_blocks_leave_out_what_no_later_one_reads(monkeypatch):
    backbone = backbones.build(TEXTS[3], num_items=NUM_ITEMS)
    history = np.full([3, 80], 5, np.int32)
    assert backbone.encode(history)[0].shape[1] == 80
    read = []
    for block in backbone.blocks:

        def call(hidden, *args, inner=block.call, **options):
            read.append(hidden.shape[1])
            return inner(hidden, *args, **options)

        monkeypatch.setattr(block, "call", call)
    assert backbone.encode(history, last_alone=True)[0].shape[1] == 1
    # Of the top block's input every fourth position, seven in all.
    assert read == [31, 7]
