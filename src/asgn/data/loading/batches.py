"""The training stream: every step's batch, as a function of the seed and the step alone.

Because batch k never depends on how the loop got there, a resumed run reads exactly what an undisturbed one
would have read, and each of several processes can take its own part of the same global batch.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from asgn.data.by_image import image_of_each
from asgn.data.loading.augment import Variation, draw_variation
from asgn.data.loading.feature_cache import FeatureCache
from asgn.data.loading.word_dropout import by_vector_alone
from asgn.data.transforms import resize_and_pad_image, resize_and_pad_mask
from asgn.data.types import Batch, Expression, ReferringDataset
from asgn.data.vocabulary import Vocabulary
from asgn.errors import UserError

_WORDS = 1
"""Tells what is drawn for words from what is drawn for images."""


class BatchStream(Dataset[Batch]):
    """Batches of `data` by step number.

    Expressions come in the order of endless epochs, each a fresh permutation of the split. With
    `phrases_per_image` above 1, that many expressions of one image stay together, and its features are computed
    once for them.
    """

    def __init__(
        self,
        data: ReferringDataset,
        vocabulary: Vocabulary,
        *,
        side: int,
        batch_size: int | Sequence[tuple[int, int]],
        steps: int,
        seed: int,
        phrases_per_image: int = 1,
        flip: bool = False,
        augment: bool = False,
        features: FeatureCache | None = None,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        stretches = [(0, batch_size)] if isinstance(batch_size, int) else list(batch_size)
        for _, size in stretches:
            if size % processes:
                raise ValueError(f"a batch of {size} does not divide over {processes} processes")
        self.data = data
        self.vocabulary = vocabulary
        self.side = side
        self.stretches = stretches
        self.steps = steps
        self.seed = seed
        self.phrases_per_image = phrases_per_image
        self.flip = flip
        self.augment = augment
        self.features = features
        self.process = process
        self.processes = processes
        self._epoch_order = lru_cache(maxsize=2)(self._draw_epoch)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Batch:
        """This process's part of the batch of `step`, counted from 0."""
        first, size = self._batch_at(step)
        share = size // self.processes
        first += self.process * share
        chosen = [self._expression_at(position) for position in range(first, first + share)]
        return self._assemble(chosen, step)

    def _batch_at(self, step: int) -> tuple[int, int]:
        """Position of the first expression of a step's batch in the endless order, and the batch's size."""
        first = 0
        ends = [start for start, _ in self.stretches[1:]]
        for (start, size), end in zip(self.stretches, [*ends, step + 1], strict=True):
            if step < end:
                return first + (step - start) * size, size
            first += (end - start) * size
        raise IndexError(step)

    def _expression_at(self, position: int) -> Expression:
        epoch, offset = divmod(position, len(self.data.expressions))
        return self.data.expressions[int(self._epoch_order(epoch)[offset])]

    def _draw_epoch(self, epoch: int) -> np.ndarray:
        """A permutation of all expressions in which groups of one image stay together."""
        generator = np.random.default_rng((self.seed, epoch))
        order = generator.permutation(len(self.data.expressions))
        if self.phrases_per_image == 1:
            return order
        images = image_of_each(self.data.expressions)
        of_image: dict[int, list[int]] = defaultdict(list)
        for index in order:
            of_image[images[index]].append(int(index))
        size = self.phrases_per_image
        groups = [mates[i : i + size] for mates in of_image.values() for i in range(0, len(mates), size)]
        return np.concatenate([np.array(groups[g]) for g in generator.permutation(len(groups))])

    def _assemble(self, chosen: Sequence[Expression], step: int) -> Batch:
        image_ids = list(dict.fromkeys(expression.image_id for expression in chosen))
        slots = {image_id: slot for slot, image_id in enumerate(image_ids)}
        varied = {image_id: self._variation(step, image_id) for image_id in image_ids}
        squares = []
        for image_id in image_ids:
            image = torch.from_numpy(self.data.image(image_id)).permute(2, 0, 1)
            squares.append(varied[image_id].image(resize_and_pad_image(image, self.side)))
        masks, sentences = [], []
        for place, expression in enumerate(chosen):
            variation = varied[expression.image_id]
            mask = resize_and_pad_mask(torch.from_numpy(self.data.mask(expression)), self.side)
            masks.append(variation.mask(mask))
            text = variation.phrase(expression.text)
            key = (self.seed, step, self.process * len(chosen) + place, _WORDS)
            sentences.append(torch.tensor(self._ids(text, key)))
        return Batch(
            images=torch.stack(squares),
            image_index=torch.tensor([slots[expression.image_id] for expression in chosen]),
            tokens=torch.nn.utils.rnn.pad_sequence(sentences, batch_first=True),
            lengths=torch.tensor([len(sentence) for sentence in sentences]),
            masks=torch.stack(masks),
            features=None if self.features is None else self.features.read([(i, varied[i].mirror) for i in image_ids]),
        )

    def _ids(self, text: str, key: tuple[int, ...]) -> Sequence[int]:
        """The words' ids; where words have vectors, some stand for the vector alone."""
        encoded = self.vocabulary.encode(text)
        if self.vocabulary.trained == len(self.vocabulary):
            return encoded.ids
        return by_vector_alone(encoded, len(self.vocabulary), key)

    def _variation(self, step: int, image_id: int) -> Variation:
        key = (self.seed, step, image_id & 0xFFFFFFFF)
        return draw_variation(key, flip=self.flip, augment=self.augment)


def batch_loader(stream: BatchStream, first_step: int, workers: int) -> Iterator[Batch]:
    """The batches from `first_step` to the end, in order, read ahead by `workers` processes.

    The loader draws from a random generator of its own, so that opening it leaves the run's alone.

    Raises:
        UserError: what a worker met, as it would be without workers; torch's own loader would add its traceback.
    """
    loader = DataLoader(
        _Outcomes(stream),
        batch_size=None,
        sampler=range(first_step, len(stream)),
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),
        prefetch_factor=4 if workers else None,
    )
    for outcome in loader:
        if isinstance(outcome, UserError):
            raise outcome
        yield outcome


class _Outcomes(Dataset[Batch | UserError]):
    """Batches, or the user's mistakes that came instead of them."""

    def __init__(self, stream: BatchStream) -> None:
        self.stream = stream

    def __getitem__(self, step: int) -> Batch | UserError:
        try:
            return self.stream[step]
        except UserError as error:
            return error
