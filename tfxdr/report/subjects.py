"""What is decided on, users or behaviors, and what its runs can answer."""

from __future__ import annotations

import dataclasses

# What a row is, by how it came to its decisions.
COUNTED, SCRATCH, RULE, CHANCE, LEARNED, TOLD = (
    "counted",
    "scratch",
    "rule",
    "chance",
    "learned",
    "told",
)


@dataclasses.dataclass(frozen=True)
class Question:
    """Two families whose best rows answer it, and the three answers."""

    title: str
    left: str
    right: str
    above: str
    level: str
    below: str


@dataclasses.dataclass(frozen=True)
class Subject:
    """What rows of a table decide on.

    Attributes:
      questions: that their differences answer.
      truth: what a row of the family `TOLD` is told.
    """

    questions: tuple[Question, ...]
    truth: str


USERS = Subject(
    (
        Question(
            "Training against counting",
            RULE,
            COUNTED,
            "a trained model is worth its time",
            "a trained model gains nothing that this test can tell",
            "what is trained is below what is counted: train longer, or at "
            "another rate",
        ),
        Question(
            "Pre-training",
            RULE,
            SCRATCH,
            "what the source domain taught helps in the target domain",
            "what the source domain taught makes no difference that this test "
            "can tell",
            "what the source domain taught is in the way",
        ),
        Question(
            "Deciding user by user",
            LEARNED,
            RULE,
            "it beats every rule here that is the same for all users",
            "it is level with the best rule for all users",
            "the best rule for all users is better",
        ),
        Question(
            "Learned decisions against a coin's",
            LEARNED,
            CHANCE,
            "the decisions count, and not that there are two towers",
            "decisions by chance do as well",
            "decisions by chance do better",
        ),
    ),
    "who is who",
)
BEHAVIORS = Subject(
    (
        Question(
            "Weighing behavior by behavior",
            LEARNED,
            RULE,
            "it beats every rule here that is the same for all behaviors",
            "it is level with the best rule for all behaviors",
            "the best rule for all behaviors is better",
        ),
    ),
    "which is which",
)
