"""A report as one self-contained HTML page."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from urllib.parse import quote

from lr_lightning.callbacks.sentences import number


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Attributes:
        caption: Sentences below it.
        png: The picture as a PNG file.
    """

    caption: str
    png: bytes


@dataclass(frozen=True)
class Section:
    """The results of one assay or analysis.

    Attributes:
        name: Its name, with underscores.
        summary: What it measures.
        interpretations: Sentences that explain the results.
        pictures: Figures.
        scalars: Numbers by name.
        tables: Columns and rows by name.
        links: Paths of further pages, relative to this one, by the text of the link.
        arrays: Path of the raw results; ``None`` if there are none.
        seconds: Time that it took; 0 if it was not measured.
        wide: Whether pictures need the full width; otherwise many are shown two per row.
    """

    name: str
    summary: str
    interpretations: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    scalars: Mapping[str, float] = field(default_factory=dict)
    tables: Mapping[str, tuple[Sequence[str], Sequence[Sequence[float | str]]]] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    arrays: str | None = None
    seconds: float = 0.0
    wide: bool = False


@dataclass(frozen=True)
class Report:
    """A report.

    Attributes:
        title: Its title.
        facts: What the report is about, by label.
        warnings: Reasons to distrust it.
        notes: What was skipped, and undefined scores.
        sections: Results.
        fine: Sentences in place of the warnings if there are none.
    """

    title: str
    facts: Mapping[str, str]
    warnings: Sequence[str]
    notes: Sequence[str]
    sections: Sequence[Section]
    fine: str = "No warnings: the checks found no reason to distrust these scores. This does not prove them right."


def render(report: Report) -> str:
    """Return ``report`` as HTML, with style and pictures embedded."""
    sections = "\n".join(map(_section, report.sections))
    links = " ".join(f'<a href="#{escape(section.name)}">{_heading(section.name)}</a>' for section in report.sections)
    facts = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in report.facts.items())
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(report.title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>{escape(report.title)}</h1>
<table class="facts">{facts}</table>
</header>
{_warnings(report.warnings, report.fine)}
{_notes(report.notes)}
{_glance(report.sections)}
<nav>{links}</nav>
{sections}
</body>
</html>
"""


def _warnings(texts: Sequence[str], fine: str) -> str:
    if not texts:
        return f'<aside class="fine">{escape(fine)}</aside>'
    return f'<aside class="warning"><h2>Warnings</h2>{_list(texts)}</aside>'


def _notes(texts: Sequence[str]) -> str:
    return f'<aside class="note"><h2>Notes</h2>{_list(texts)}</aside>' if texts else ""


def _glance(sections: Sequence[Section]) -> str:
    """Return the first interpretation of each section, which is the most important one."""
    first = [
        f'<li><a href="#{escape(section.name)}">{_heading(section.name)}</a>: {escape(section.interpretations[0])}</li>'
        for section in sections
        if section.interpretations
    ]
    return f"<section><h2>At a glance</h2><ul>{''.join(first)}</ul></section>" if first else ""


def _section(section: Section) -> str:
    parts = [f"<h2>{_heading(section.name)}</h2>", f'<p class="summary">{escape(section.summary)}.</p>']
    if section.interpretations:
        parts.append(_list(section.interpretations))
    parts += [f'<p><a href="{escape(quote(path))}">{escape(text)}</a></p>' for text, path in section.links.items()]
    if section.pictures:
        many = " many" if len(section.pictures) > _FEW_PICTURES and not section.wide else ""
        parts.append(f'<div class="pictures{many}">{"".join(map(_picture, section.pictures))}</div>')
    if section.scalars:
        rows = [[name, _or_undefined(value)] for name, value in section.scalars.items()]
        parts.append(_details("Scalars", _table(("scalar", "value"), rows), opened=len(rows) <= _FEW))
    for name, (columns, table) in section.tables.items():
        parts.append(_details(name.replace("_", " ").capitalize(), _table(columns, table)))
    arrays = "" if section.arrays is None else f"All numbers: <code>{escape(section.arrays)}</code>. "
    seconds = f"Took {section.seconds:.1f} s." if section.seconds else ""
    parts.append(f'<p class="small">{arrays}{seconds}</p>')
    return f'<section id="{escape(section.name)}">\n' + "\n".join(parts) + "\n</section>"


def _picture(picture: Picture) -> str:
    data, caption = base64.b64encode(picture.png).decode(), escape(picture.caption)
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'
    )


def _details(title: str, content: str, opened: bool = False) -> str:
    state = " open" if opened else ""
    return f'<details{state}><summary>{escape(title)}</summary><div class="scroll">{content}</div></details>'


def _or_undefined(value: float) -> float | str:
    return "undefined" if math.isnan(value) else value


def _table(columns: Sequence[str], rows: Sequence[Sequence[float | str]]) -> str:
    """Return a table without columns that are empty in every row."""
    kept = [index for index in range(len(columns)) if not all(_is_empty(row[index]) for row in rows)]
    columns, rows = [columns[index] for index in kept], [[row[index] for index in kept] for row in rows]
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _is_empty(value: float | str) -> bool:
    return not isinstance(value, str) and math.isnan(value)


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    return f'<td class="number">{"" if math.isnan(value) else number(value)}</td>'


def _list(texts: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


def _heading(name: str) -> str:
    return escape(name.replace("_", " ").capitalize())


_FEW = 14
"""A longer list of scalars is collapsed."""

_FEW_PICTURES = 4
"""If there are more pictures than this, they are shown two per row, unless they are wide."""

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem 1.5rem 4rem; }
body { color: #1b1b1b; background: #fff; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 0 0 .4rem; }
section { border-top: 1px solid #ddd; padding-top: 1.2rem; margin-top: 2rem; }
nav { margin-top: 1.5rem; line-height: 2; }
nav a { margin-right: .9rem; white-space: nowrap; }
a { color: #0072b2; }
ul { margin: .3rem 0; padding-left: 1.3rem; }
aside { border-left: 5px solid; padding: .6rem 1rem; margin: 1rem 0; }
.warning { border-color: #d55e00; background: #fdf1e9; }
.note { border-color: #999; background: #f5f5f5; }
.fine { border-color: #009e73; background: #eaf6f2; }
.summary { color: #555; margin: 0 0 .6rem; }
.small { color: #555; font-size: .85rem; }
figure { margin: 1.2rem 0; }
img { max-width: 100%; height: auto; }
.many { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1.5rem; align-items: end; }
figcaption { color: #333; font-size: .9rem; max-width: 48rem; }
table { border-collapse: collapse; font-size: .9rem; }
th { text-align: left; font-weight: 600; }
th, td { padding: .15rem 1rem .15rem 0; vertical-align: top; }
tbody tr { border-top: 1px solid #eee; }
.facts th { color: #555; font-weight: normal; }
.facts tr { border: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.scroll { overflow-x: auto; }
summary { cursor: pointer; color: #0072b2; margin-top: .5rem; }
@media print { nav { display: none; } figure { break-inside: avoid; } }
"""
