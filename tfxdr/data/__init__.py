"""Data sets, and what `prepare` makes of them."""

from tfxdr.data import amazon as amazon
from tfxdr.data import coldrec as coldrec
from tfxdr.data import events as events
from tfxdr.data import movielens as movielens
from tfxdr.data import planted as planted
from tfxdr.data import synthetic as synthetic
