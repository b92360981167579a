"""Phrases whose object is surely not in an annotated photograph, for measuring whether a model says so."""

import random
from typing import Literal

from asgn.data.expressions.generate import AbsentNouns, describe
from asgn.data.files.coco_instances import Instances
from asgn.data.photographs.phrase_filter import holds
from asgn.data.photographs.quality import Sources
from asgn.data.photographs.scene_objects import Names, scene_objects
from asgn.data.types import Image

AbsentKind = Literal["another thing", "another look or place"]
"""A kind of thing that the photograph lacks, or one that it has, with a colour, side or neighbour that none has."""

_WORDINGS = 2


class AbsentPhrases:
    """Says what is not in the photographs of an annotation file (see `absences`)."""

    def __init__(self, instances: Instances) -> None:
        self._instances = instances
        self._names = Names(instances)
        self._sources = Sources(instances)

    def of_image(self, image_id: int, image: Image, count: int, seed: int = 0) -> list[tuple[str, AbsentKind]]:
        """Up to `count` different phrases that fit nothing in a photograph, half of either kind where there are both.

        The choice depends on the seed and the image alone. Where not all is annotated, only kinds of things that
        the annotator would have marked are surely missing.

        Args:
            image_id: of the photograph.
            image: (H, W, 3) uint8 RGB.
            count: phrases to aim at.
            seed: of the choice and templates.

        Raises:
            DataError: an outline is faulty.
        """
        rng = random.Random(f"absent {seed} {image_id}")
        partial = self._sources.is_partial(image_id)
        own = self._instances.annotation_ids.get(image_id, [])
        present = [self._instances.annotations[key] for key in own]
        absent = self._names.absent(image_id, present, self._sources)
        things = [phrase.text for phrase in describe((), rng, absent=absent, wordings=_WORDINGS)]
        looks: list[str] = []
        if not partial:
            objects, _ = scene_objects(self._instances, own, image, self._names, partial=False)
            said = describe(objects, rng, absent=AbsentNouns(), wordings=_WORDINGS, redundant=1.0)
            untrue = [phrase for phrase in said if not phrase.annotation_ids]
            looks = [phrase.text for phrase in untrue if holds(phrase, objects, partial=False)]
        few = min(len(looks), max(count // 2, count - len(things)))
        chosen: list[tuple[str, AbsentKind]] = [(text, "another look or place") for text in rng.sample(looks, few)]
        chosen += [(text, "another thing") for text in rng.sample(things, min(len(things), count - few))]
        return chosen
