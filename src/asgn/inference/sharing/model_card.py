"""The model card: what a model is, what it was made from, how good it is, and what it cannot do."""

from collections.abc import Mapping
from typing import Any

from asgn.checkpoint import Model
from asgn.data.checks.leaks import LeakStamp
from asgn.data.vocabulary import Subwords

_FRONT = """---
license: apache-2.0
library_name: asgn
pipeline_tag: image-segmentation
tags: [referring-image-segmentation]
---
"""
_NOT_RECORDED = "Not recorded."


def model_card(model: Model, name: str) -> str:
    """Markdown, of which all that is said of this model comes from its checkpoint."""
    millions = sum(parameter.numel() for parameter in model.generator.parameters()) / 1e6
    config, provenance = model.config, model.provenance
    parts = {
        "Use": _use(name),
        "Training data": _data(provenance.get("data")),
        "Starting weights": _backbone(provenance.get("backbone")),
        "Licence": _licence(provenance),
        "Leaks": _leaks(provenance.get("leaks")),
        "Scores": _scores(provenance.get("scores")),
        "Presence": _presence(model),
        "Limits": (
            f"{_words(model)} It reads the first 20 words of a phrase. It is not fit for decisions about people."
        ),
    }
    summary = (
        f"Referring image segmentation: an image and a phrase in, the mask of what the phrase refers to out. "
        f"Row `{config.variant}`, {millions:.1f} million parameters, {config.image_size} x {config.image_size} pixels."
    )
    sections = "".join(f"\n## {title}\n\n{text}\n" for title, text in parts.items())
    return f"{_FRONT}\n# {name}\n\n{summary}\n{sections}"


def _use(name: str) -> str:
    return (
        "```python\n"
        "import asgn\n\n"
        f'segmenter = asgn.load("{name}")  # this folder, or OWNER/{name}\n'
        'mask = segmenter("street.jpg", "white car on the right").mask\n'
        "```"
    )


def _data(data: Mapping[str, Any] | None) -> str:
    if not data:
        return _NOT_RECORDED
    told = {key: value for key, value in data.items() if key not in ("name", "split", "fingerprint", "licence")}
    lines = [f"`{data.get('name')}`, split {data.get('split')}, fingerprint `{data.get('fingerprint')}`."]
    return "\n".join(lines + [f"- {key}: {value}" for key, value in told.items()])


def _words(model: Model) -> str:
    trained, all_words = model.vocabulary.trained, len(model.vocabulary)
    if isinstance(model.vocabulary, Subwords):
        return f"It reads any word, by {all_words:,} parts of words."
    if trained == all_words:
        return f"It knows {all_words:,} words, those of its training phrases."
    table = model.provenance.get("word_vectors", {}).get("source", "a table")
    return (
        f"It knows {trained:,} words from its training phrases and {all_words - trained:,} more by their word vectors "
        f"alone ({table})."
    )


def _backbone(backbone: Mapping[str, Any] | None) -> str:
    if not backbone:
        return _NOT_RECORDED
    seen = ", ".join(backbone.get("trained_on") or ()) or "nothing that is known"
    digest = f", SHA-256 `{backbone['sha256']}`" if backbone.get("sha256") else ""
    return f"{backbone.get('source')}{digest}; trained on {seen}."


def _licence(provenance: Mapping[str, Any]) -> str:
    """The program's licence covers the layers; what data and starting weights allow has to be said by their source."""
    own = "The program is under Apache-2.0."
    told = {part: (provenance.get(part) or {}).get("licence") for part in ("data", "backbone")}
    named = {"data": "training data", "backbone": "starting weights"}
    return " ".join(
        [own, *(f"The licence of the {named[part]}: {licence or 'not recorded'}." for part, licence in told.items())]
    )


def _leaks(stamp: Mapping[str, Any] | None) -> str:
    return _NOT_RECORDED if stamp is None else f"{LeakStamp.from_json(stamp).line()}."


def _scores(scores: Mapping[str, Any] | None) -> str:
    """A table of (data split) x (metrics), of what the checkpoint holds under `scores`."""
    if not scores:
        return _NOT_RECORDED
    rows = {where: values for where, values in scores.items() if isinstance(values, Mapping)}
    metrics = list(dict.fromkeys(metric for values in rows.values() for metric in values))
    head = f"| | {' | '.join(metrics)} |\n|---|{'---|' * len(metrics)}\n"
    lines = [f"| {where} | {' | '.join(_cell(values.get(m)) for m in metrics)} |" for where, values in rows.items()]
    return head + "\n".join(lines)


def _cell(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else "" if value is None else str(value)


def _presence(model: Model) -> str:
    if model.presence is None:
        return "Not calibrated: it was never measured how well the model tells that nothing matches."
    found = model.presence
    return (
        f"Nothing matches below a presence score of {found.threshold:.3f}: right for {found.balanced_accuracy:.1f}% "
        f"(balanced) of {found.present:,} phrases about something there and {found.absent:,} about nothing there."
    )
