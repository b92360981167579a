"""The answer as HTML: picture, masks, legend, ways to compare, downloads. It works without a script."""

from collections.abc import Sequence
from html import escape

from asgn.app.service import PhraseAnswer
from asgn.inference.results.overlay import phrase_colour
from asgn.inference.results.segmentation import Segmentation

EMPTY = """<div class="asgn-empty" role="status"><p>Drop a photograph, type what to look for,
and press <b>Segment</b>.<br>Or click one of the examples below.</p></div>"""


def show_message(text: str) -> str:
    """What went wrong, in one line."""
    return f'<p class="asgn-error" role="alert">{escape(text)}</p>'


def show_ready(photo: str, width: int, height: int) -> str:
    """A picture that waits for its phrases."""
    return (
        f'<div class="asgn-view"><div class="asgn-stack">{_photo(photo)}</div>'
        f'<p role="status">Ready ({width} × {height} pixels): type what to look for and press <b>Segment</b>.</p></div>'
    )


def show_answers(address: str, answers: Sequence[PhraseAnswer]) -> str:
    """The view of one answer whose parts lie at `address` (see `AnswerBook`)."""
    results = [answer.result for answer in answers if answer.result is not None]
    layers = [_layer(address, index, result) for index, result in enumerate(results)]
    singles = [
        f'<figure class="asgn-single asgn-part-{index}"><div class="asgn-stack">{_photo(address)}{layer}</div>'
        f"<figcaption>{_swatch(index)}{escape(results[index].phrase)}</figcaption></figure>"
        for index, layer in enumerate(layers)
    ]
    stacked = [layer.replace('class="', f'class="asgn-part-{index} ', 1) for index, layer in enumerate(layers)]
    return f"""<div class="asgn-view">
<p class="asgn-summary" role="status">{escape(_summary(answers))}</p>
{_modes() if len(results) > 1 else ""}
<div class="asgn-stack asgn-together">{_photo(address)}{"".join(stacked)}</div>
{f'<div class="asgn-apart">{"".join(singles)}</div>' if len(results) > 1 else ""}
{_legend(answers)}
<p class="asgn-downloads"><a href="{address}/overlay.png" download="asgn-overlay.png">Download picture (PNG)</a>
<a href="{address}/answer.json" download="asgn-answer.json">Download masks (JSON)</a></p>
</div>"""


def _summary(answers: Sequence[PhraseAnswer]) -> str:
    found = sum(answer.result is not None and answer.result.found for answer in answers)
    return f"{found} of {len(answers)} phrases found" if len(answers) > 1 else ("Found" if found else "Nothing found")


def _photo(address: str) -> str:
    return f'<img class="asgn-photo" src="{address}/photo.jpg" alt="Your photograph">'


def _layer(address: str, index: int, result: Segmentation) -> str:
    where = f"{result.mask.mean():.1%} of the picture" if result.reason is None else result.reason
    alt = escape(f"Mask of “{result.phrase}”: {where}", quote=True)
    return f'<img class="asgn-layer" src="{address}/{index}.png" alt="{alt}">'


def _modes() -> str:
    return """<fieldset class="asgn-modes"><legend>Compare</legend>
<label><input type="radio" name="asgn-mode" value="together" checked>Together</label>
<label><input type="radio" name="asgn-mode" value="apart" class="asgn-choose-apart">Side by side</label></fieldset>"""


def _legend(answers: Sequence[PhraseAnswer]) -> str:
    rows, index = [], 0
    for answer in answers:
        if answer.result is None:
            name = escape(answer.phrase) or "<i>empty phrase</i>"
            rows.append(f'<li class="asgn-refused"><b>{name}</b><p class="asgn-note">{escape(answer.error)}</p></li>')
        else:
            rows.append(_legend_row(index, answer.result))
            index += 1
    return f'<fieldset class="asgn-legend"><legend>Phrases (untick to hide)</legend><ul>{"".join(rows)}</ul></fieldset>'


def _legend_row(index: int, result: Segmentation) -> str:
    presence = f'<span title="How likely it is in the photograph at all">presence {result.presence:.2f}</span>'
    if result.found:
        verdict = f"""<span class="asgn-share">{result.mask.mean():.1%} of the picture</span>
<span title="Mean probability over the mask">score {result.score:.2f}</span>{presence}"""
    else:
        verdict = f"<i>{escape(result.reason or '')}</i>"
    remarks = "".join(f'<p class="asgn-note">{escape(remark)}</p>' for remark in result.remarks)
    return f"""<li><label><input type="checkbox" class="asgn-show-{index}" checked>{_swatch(index)}
<b>{escape(result.phrase)}</b></label><span class="asgn-verdict">{verdict}</span>{remarks}</li>"""


def _swatch(index: int) -> str:
    red, green, blue = phrase_colour(index)
    return f'<span class="asgn-swatch" style="background: rgb({red}, {green}, {blue})"></span>'
